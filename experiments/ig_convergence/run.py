"""Difference between IG with n steps and two references: IG with many steps, and exact IG."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from experiments.data.network_images import NetworkImages
from experiments.measurement import Measurement, Progress, Row
from experiments.names import BY_CHANGES
from experiments.shards import blocks_of
from xgradient.attribution import (
    exact_integrated_gradients,
    integrated_gradients_of_rules,
    saliency,
)

__all__ = ["MEASUREMENT", "by_changes"]

COLUMNS = (
    *("reference", "reference_gradients", "method", "n_steps", "image"),
    *("mean_abs_difference", "mean_abs_reference"),
)

# Of a block of images, and which of them are compared with the exact integral.
_Task = tuple[Sequence[int], Sequence[int]]


def _tasks(settings: Mapping[str, Any], data: NetworkImages) -> list[_Task]:
    chosen = data.choose(settings["n_images"])
    exact = set(chosen[: settings["exact_images"]])
    blocks = blocks_of(chosen, settings["batch_size"])
    return [(block, [image for image in block if image in exact]) for block in blocks]


def _measure(
    model: nn.Module,
    data: NetworkImages,
    tasks: Sequence[_Task],
    settings: Mapping[str, Any],
    device: torch.device,
    progress: Progress,
) -> Iterator[Row]:
    """Yield the absolute difference that the paper plots, and the size of the reference."""
    dtype = getattr(torch, settings["precision"])
    net = model if dtype == torch.float32 else copy.deepcopy(model).to(dtype)
    cases = [
        (method, n_steps)
        for method in settings["methods"]
        for n_steps in settings["n_steps"]
        # The trapezoid rule needs both end points.
        if not (method == "riemann_trapezoid" and n_steps < 2)
    ]
    # One reference for all rules: a rule compared with itself would hide its own bias.
    best = ("gausslegendre", settings["reference_steps"])
    for block, exact_images in progress(tasks, "IG"):
        inputs, labels = data.__getitems__(block)
        inputs, labels = inputs.to(device, dtype), labels.to(device)
        every = integrated_gradients_of_rules(
            net,
            inputs,
            labels,
            rules=[best, *cases],
            internal_batch_size=settings["internal_batch_size"],
        )
        attributions = dict(zip([best, *cases], every, strict=True))
        for case in cases:
            for place, image in enumerate(block):
                values, reference = attributions[case][place], attributions[best][place]
                yield _row("steps", best[1], case, image, values, reference)
        for image in progress(exact_images, "exact IG"):
            place = block.index(image)
            yield from _against_exact(
                model,
                inputs[place : place + 1].double(),
                labels[place : place + 1],
                image,
                {case: values[place] for case, values in attributions.items()},
                settings,
            )


def _against_exact(
    model: nn.Module,
    inputs: Tensor,
    labels: Tensor,
    image: int,
    attributions: Mapping[tuple[str, int], Tensor],
    settings: Mapping[str, Any],
) -> Iterator[Row]:
    """Compare every rule with the exact integral, and one that knows where the pieces end."""
    net = copy.deepcopy(model).double()
    exact, pieces = exact_integrated_gradients(
        net,
        inputs,
        labels,
        max_pieces=settings["max_pieces"],
        internal_batch_size=settings["internal_batch_size"],
        return_pieces=True,
    )
    if not pieces.complete.all():
        raise ValueError(
            f"the path of image {image} has more than ig_convergence.max_pieces = "
            f"{settings['max_pieces']} pieces: raise it, or set ig_convergence.exact_images to 0"
        )
    others = {
        (BY_CHANGES, n_steps): by_changes(
            net, inputs, labels, pieces.ends[0], n_steps, settings["internal_batch_size"]
        )[0]
        for n_steps in settings["n_steps"]
    }
    n_pieces = int(pieces.n_pieces)
    for case, values in {**attributions, **others}.items():
        yield _row("exact", n_pieces, case, image, values, exact[0])


def by_changes(
    net: nn.Module, inputs: Tensor, labels: Tensor, ends: Tensor, n_steps: int, rows: int
) -> Tensor:
    """Integrate over cells that hold equally many pieces, each with the gradient in its middle.

    The places of the pieces are known here; a rule for use would have to estimate their density.

    Parameters
    ----------
    net : nn.Module
        Net that returns logits (N, K).
    inputs : Tensor of shape (1, C, H, W)
        Image; the path begins at zero.
    labels : Tensor of shape (1,), int64
        Index of the logit.
    ends : Tensor of shape (P + 1,), float64
        Ends of the P pieces on the path from 0 to 1.
    n_steps : int
        Number of cells.
    rows : int
        Points per pass through the net.

    Returns
    -------
    Tensor of shape (1, C, H, W)
        Attribution.
    """
    places = torch.linspace(0, len(ends) - 1, n_steps + 1, dtype=torch.float64, device=ends.device)
    below = places.floor().long().clamp(max=len(ends) - 2)
    edges = torch.lerp(ends[below], ends[below + 1], places - below)
    widths = edges.diff().to(inputs.dtype)
    middles = (edges[:-1] + edges[1:]).to(inputs.dtype) / 2
    total = torch.zeros_like(inputs)
    for nodes, weights in zip(middles.split(rows), widths.split(rows), strict=True):
        shape = (-1, *(1 for _ in inputs.shape[1:]))
        gradients = saliency(net, nodes.view(shape) * inputs, labels.expand(len(nodes)))
        total += (weights.view(shape) * gradients).sum(0, keepdim=True)
    return inputs * total


def _row(
    reference: str,
    gradients: int,
    case: tuple[str, int],
    image: int,
    values: Tensor,
    expected: Tensor,
) -> Row:
    difference = (values - expected).double().abs().mean().item()
    size = expected.double().abs().mean().item()
    return dict(zip(COLUMNS, (reference, gradients, *case, image, difference, size), strict=True))


MEASUREMENT = Measurement(_tasks, _measure, COLUMNS)
