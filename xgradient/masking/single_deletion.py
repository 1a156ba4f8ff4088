"""The single deletion score: rank correlation of cell sums and the effects of deleted cells."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from xgradient._explained import Model, OutputSelector, check_callable
from xgradient._inputs import check_finite, check_images, check_positive_integer, evaluation_mode
from xgradient._targets import TargetLike
from xgradient.masking._arguments import Masked, expanded


def grid_cells(
    height: int, width: int, grid: int, device: torch.device | str | None = None
) -> Tensor:
    """Cut the pixels of an image into cells.

    Parameters
    ----------
    height, width : int
        Of the image.
    grid : int
        Cells in each direction: row i begins at pixel ``int(i * height / grid)``; columns alike.
    device : torch.device or str, optional
        Where to make them.

    Returns
    -------
    Tensor of shape (grid * grid, 1, H, W), bool
        Masks, each true in one cell; in row-major order.

    Raises
    ------
    ValueError
        If an image has fewer pixels in a row or a column than cells.
    """
    check_positive_integer("grid", grid)
    if grid > min(height, width):
        raise ValueError(
            f"grid is {grid}, but images of {height} x {width} pixels can be cut into "
            f"{min(height, width)} rows and columns at most"
        )
    numbers = torch.arange(grid, device=device)
    of_row, of_column = (
        numbers.repeat_interleave(
            torch.tensor([number * size // grid for number in range(grid + 1)]).diff().to(device)
        )
        for size in (height, width)
    )
    cell = of_row[:, None] * grid + of_column
    return (torch.arange(grid**2, device=device)[:, None, None] == cell)[:, None]


def deletion_effects(
    model: Model,
    inputs: Tensor,
    target: TargetLike,
    grid: int = 4,
    replacement: Tensor | None = None,
    batch_size: int = 32,
    *,
    additional_forward_args: Any = None,
    output: OutputSelector = None,
) -> Tensor:
    """Measure what the target logit loses when one cell of an image is deleted.

    The image is cut into ``grid`` times ``grid`` cells, and one after the other is replaced (Hesse,
    Schaub-Meyer and Roth 2024, "Benchmarking the Attribution Quality of Vision Models").

    Parameters
    ----------
    model : nn.Module or callable
        Net with pre-softmax outputs of shape (N, K). It is put into evaluation mode for the call.
        Its answers to images with a deleted cell are to be trusted, which the authors ensure by
        training it on such images; they call the score in-domain then (IDSDS).
    inputs : Tensor of shape (N, C, H, W)
        Images, normalised as the net takes them.
    target : Tensor of shape (N,), int or other
        Class of the logit: an index, one for all, a list, an array or a one-hot code.
    grid : int
        Cells in each direction, see `grid_cells`.
    replacement : Tensor, optional
        Values of a deleted cell, broadcastable to `inputs`; by default zero, which is the mean
        colour of normalised images.
    batch_size : int
        Number of images that exist at a time; it bounds the memory.
    additional_forward_args, output : optional
        Further arguments of the net, and where its outputs are, as in `xgradient.attribution`.

    Returns
    -------
    Tensor of shape (N, grid * grid)
        Target logit of the image minus that of the image without the cell; cells in row-major
        order.

    Raises
    ------
    ValueError
        If an argument has the wrong shape, or if an image has fewer pixels in a row or a column
        than cells.
    """
    check_callable(model)
    check_images(inputs)
    check_positive_integer("batch_size", batch_size)
    cells = grid_cells(inputs.shape[2], inputs.shape[3], grid, inputs.device)
    masked = Masked(model, inputs, target, additional_forward_args, output)
    substitute = expanded(inputs.new_zeros(()) if replacement is None else replacement, inputs)
    assert substitute is not None  # a replacement is always given
    # The first keeps every pixel.
    kept = torch.cat([torch.zeros_like(cells[:1]), cells]).logical_not()
    classes = masked.classes.tolist()
    effects = inputs.new_empty((len(inputs), len(cells)))
    with torch.no_grad(), evaluation_mode(masked.module):
        for image in range(len(inputs)):
            logits = torch.cat(
                [
                    masked.logits(torch.where(part, inputs[image], substitute[image]), image)
                    # Equal parts, since a short last batch would make poor use of the processor.
                    for part in kept.tensor_split(math.ceil(len(kept) / batch_size))
                ]
            )[:, classes[image]]
            effects[image] = logits[0] - logits[1:]
    return effects


def single_deletion_score(effects: Tensor, attributions: Tensor) -> Tensor:
    """Compare the sums of an attribution over the cells of an image with the effects of the cells.

    Parameters
    ----------
    effects : Tensor of shape (N, G * G)
        As `deletion_effects` returns them.
    attributions : Tensor of shape (N, C, H, W)
        Attributions for the same logit; of those with one channel, which hold the mean over the
        channels, the score is the same.

    Returns
    -------
    Tensor of shape (N,), float64
        Spearman's rank correlation between both, equal values having their mean rank: 1 if the
        attribution ranks the cells as their deletion does, about 0 for one that knows nothing. NaN
        where it is undefined, since all effects or all sums are equal.

    Raises
    ------
    ValueError
        If the shapes do not fit, or if a value is not finite.
    """
    grid = math.isqrt(effects.shape[-1]) if effects.ndim == 2 else 0
    if grid < 1 or grid**2 != effects.shape[-1]:
        raise ValueError(
            "effects must have the shape (N, G * G) of the effects of G * G cells, got "
            f"{tuple(effects.shape)}"
        )
    if attributions.ndim != 4 or len(attributions) != len(effects):
        raise ValueError(
            f"attributions must have the shape ({len(effects)}, C, H, W), got "
            f"{tuple(attributions.shape)}"
        )
    check_finite(effects.isfinite().all(1), "effects")
    check_finite(attributions.isfinite().flatten(1).all(1), "attributions")
    height, width = attributions.shape[2:]
    cells = grid_cells(height, width, grid, attributions.device)
    sums = attributions.double().sum(1).flatten(1) @ cells.flatten(1).double().T
    ranks = [_ranks(values) for values in (effects.double(), sums)]
    first, second = (each - each.mean(1, keepdim=True) for each in ranks)
    return (first * second).sum(1) / (first.norm(dim=1) * second.norm(dim=1))


def _ranks(values: Tensor) -> Tensor:
    """Rank every row (N, G), equal values by the mean of their ranks."""
    below = (values[:, None, :] < values[:, :, None]).sum(2)
    equal = (values[:, None, :] == values[:, :, None]).sum(2)
    return below + (equal.double() + 1) / 2
