"""Scores and gradients of one net along the path from zero, and on a random walk."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from experiments.data.network_images import NetworkImages
from experiments.measurement import Row
from experiments.seeds import job_seed
from xgradient.attribution import saliency

__all__ = ["COLUMNS", "measure"]

COLUMNS = ("image", "line", "position", "score", "cosine", "derivative")
"""Keys of a row: the index of the image in the test set; ``path`` or ``walk``; the factor on the
image, or the number of steps; the logit of the true class; the cosine between the gradient there
and that at the image; the derivative by the pixel with the largest Input×Gradient."""


def measure(
    model: nn.Module,
    data: NetworkImages,
    chosen: Sequence[int],
    settings: Mapping[str, Any],
    seed: int,
    progress: Any,
) -> tuple[list[Row], dict[str, Tensor]]:
    """Follow the true-label logit and its gradient, in float64, image by image.

    Parameters
    ----------
    model : nn.Module
        The net; it determines the device.
    data : NetworkImages
        The images.
    chosen : sequence of int
        Indices of N of them.
    settings : mapping
        ``n_points``, ``walk`` (``n_steps`` and ``step``) and ``shown``.
    seed : int
        Of the walks: the same for all nets, another for every image.
    progress : callable
        Shows the progress over an iterable.

    Returns
    -------
    rows : list of dict
        With the keys of `COLUMNS`. Of the path ``n_points`` points that are evenly spaced, the
        image the last, and before them the baseline, where the gradient of an X-DNN is not
        defined; its cosine and derivative are 0. Of the walk ``n_steps + 1``, the image the first.
    maps : dict of str to Tensor
        ``image/ALPHA`` (N, C, H, W), 0 to 1, and ``gradient/ALPHA`` (N, H, W), the mean over the
        channels, by the factors of ``shown``. Empty without images.
    """
    rows: list[Row] = []
    maps: dict[str, list[Tensor]] = {}
    device = next(model.parameters()).device
    precise = copy.deepcopy(model).double()
    for index in progress(chosen, "images"):
        image, label = (part.to(device) for part in data.__getitems__([index]))
        image = image.double()
        gradient = saliency(precise, image, label)
        pixel = int((image * gradient).abs().flatten().argmax())

        def follow(
            line: str,
            positions: Tensor,
            points: Tensor,
            index: int = index,
            label: Tensor = label,
            gradient: Tensor = gradient,
            pixel: int = pixel,
        ) -> None:
            scores, gradients = _along(precise, points, label)
            gradients = gradients.flatten(1)
            cosines = torch.cosine_similarity(gradients, gradient.flatten(1))
            values = zip(
                positions.tolist(),
                scores.tolist(),
                cosines.tolist(),
                gradients[:, pixel].tolist(),
                strict=True,
            )
            for values_of_point in values:
                rows.append(dict(zip(COLUMNS, (index, line, *values_of_point), strict=True)))

        n_points, walk = settings["n_points"], settings["walk"]
        alphas = torch.arange(1, n_points + 1, dtype=torch.float64, device=device) / n_points
        with torch.no_grad():
            start = float(precise(torch.zeros_like(image))[0, label])
        rows.append(dict(zip(COLUMNS, (index, "path", 0.0, start, 0.0, 0.0), strict=True)))
        follow("path", alphas, alphas.view(-1, 1, 1, 1) * image)
        steps = torch.arange(walk["n_steps"] + 1)
        generator = torch.Generator().manual_seed(job_seed(seed, "walk", str(index)))
        noise = torch.randn(walk["n_steps"], *image.shape[1:], generator=generator).double()
        moved = torch.cat([torch.zeros_like(noise[:1]), noise.cumsum(0)]).to(device)
        follow("walk", steps.double(), image + walk["step"] * moved)

        for alpha in settings["shown"]:
            faded = alpha * image
            shown = data.preprocessing.denormalise(faded.float().cpu())
            maps.setdefault(f"image/{alpha}", []).append(shown)
            _, there = _along(precise, faded, label)
            maps.setdefault(f"gradient/{alpha}", []).append(there.mean(1).float().cpu())
    return rows, {name: torch.cat(tensors).contiguous() for name, tensors in maps.items()}


def _along(model: nn.Module, points: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
    """Return scores (P,) and gradients (P, C, H, W) at points, one by one as they are few."""
    gradients = torch.cat([saliency(model, point, label) for point in points.split(1)])
    with torch.no_grad():
        scores = torch.cat([model(point)[:, int(label)] for point in points.split(1)])
    return scores, gradients
