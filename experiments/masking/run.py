"""Evaluation of masked images in blocks: the masking curves, insertion and deletion."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from experiments.data.network_images import NetworkImages
from xgradient.masking import blur, blur_size_for, insertion_deletion, masking_curves

__all__ = ["Replacement", "blurred", "score_blocks"]

Replacement = Callable[[Tensor, Sequence[int]], Tensor]
"""What masked pixels are replaced by, from images and their indices."""


def blurred(inputs: Tensor, kernel_size: int | None, sigma: float | None) -> Tensor:
    """Blur images (N, C, H, W) one by one, so that no neighbour changes the rounding.

    A width that is None is the published one, scaled to the side of the images.
    """
    scaled_size, scaled_sigma = blur_size_for(min(inputs.shape[-2:]))
    kernel_size = scaled_size if kernel_size is None else kernel_size
    sigma = scaled_sigma if sigma is None else sigma
    return torch.cat([blur(image, kernel_size, sigma) for image in inputs.split(1)])


def score_blocks(
    model: nn.Module,
    data: NetworkImages,
    attributions: Mapping[str, Tensor],
    blocks: Iterable[Sequence[int]],
    settings: Mapping[str, Any],
    replace: Replacement | None = None,
) -> dict[str, Tensor]:
    """Evaluate masking curves and, if requested, insertion and deletion, of some blocks.

    Parameters
    ----------
    model : nn.Module
        The net; it determines the device.
    data : NetworkImages
        The images.
    attributions : mapping of str to Tensor of shape (N, 1, H, W)
        By method: the images of the blocks, one after the other.
    blocks : iterable of sequence of int
        Indices into ``data``.
    settings : mapping
        ``fractions`` (minimum, maximum, count), ``kernel_size``, ``sigma``, ``masked_batch_size``
        and ``insertion_deletion``, the number of steps or None.
    replace : callable, optional
        Takes the images of a block (n, C, H, W) and their indices, and returns what masked pixels
        are replaced by, in the same shape; by default the images are blurred.

    Returns
    -------
    dict of str to Tensor
        ``images`` (N,), the indices; ``METHOD/target_logit`` and ``METHOD/correct`` (N, 6, F),
        ``METHOD/insertion`` and ``METHOD/deletion`` (N, G), ``fractions`` (F,) and
        ``insertion_fractions`` (G,); on the CPU. Nothing if there is no block.
    """
    device = next(model.parameters()).device
    span = settings["fractions"]
    fractions = torch.from_numpy(np.geomspace(span["minimum"], span["maximum"], span["count"]))
    batch_size = settings["masked_batch_size"]
    parts: dict[str, list[Tensor]] = {}
    shared: dict[str, Tensor] = {}
    start = 0
    for block in blocks:
        inputs, labels = (part.to(device) for part in data.__getitems__(block))
        if replace is None:
            replacement = blurred(inputs, settings["kernel_size"], settings["sigma"])
        else:
            replacement = replace(inputs, block)
        known: list[tuple[Tensor, dict[str, Tensor]]] = []
        for method, means in attributions.items():
            mean = means[start : start + len(block)]
            # XG and Input×Gradient of an X-DNN are the same numbers: no need to evaluate twice.
            scores = next((scores for other, scores in known if torch.equal(mean, other)), None)
            if scores is None:
                curves = masking_curves(
                    model, inputs, labels, mean.to(device), fractions, replacement, batch_size
                )
                shared["fractions"] = curves.fractions
                scores = {"target_logit": curves.target_logit, "correct": curves.correct}
                if settings["insertion_deletion"] is not None:
                    addition = insertion_deletion(
                        model,
                        inputs,
                        labels,
                        mean.to(device),
                        torch.from_numpy(np.linspace(0, 1, settings["insertion_deletion"] + 1)),
                        insertion_start=replacement,
                        batch_size=batch_size,
                    )
                    shared["insertion_fractions"] = addition.fractions
                    scores |= {"insertion": addition.insertion, "deletion": addition.deletion}
                known.append((mean, scores))
            for name, values in scores.items():
                parts.setdefault(f"{method}/{name}", []).append(values.cpu())
        parts.setdefault("images", []).append(torch.tensor(block))
        start += len(block)
    return {name: values.cpu() for name, values in shared.items()} | {
        name: torch.cat(values) for name, values in parts.items()
    }
