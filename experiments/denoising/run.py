"""What a denoiser restores, whether it scales, and the effective filters of its output pixels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.functional import jvp

from experiments.data.tensors import Batches
from experiments.denoising.noise import GREY_LEVELS, standard_noise
from experiments.denoising.objective import psnr
from experiments.measurement import Progress, Row
from experiments.seeds import job_seed
from xgradient.attribution import (
    exact_integrated_gradients,
    input_x_gradient,
    integrated_gradients,
    saliency,
    x_gradient,
)

__all__ = ["FILTERS", "RESTORED", "explain", "restore"]

RESTORED = ("image", "noise", "psnr_in", "psnr_out", "contrast_percent", "net_bias_percent")
"""Keys of a row of `restore`: the index of the image; the standard deviation of its noise, in grey
levels; the PSNR of the noisy and of the restored image, in decibels; the largest relative
difference between F(αx) and αF(x) over the factors α; the part of F(x) that is not the Jacobian
times x, what Mohan et al. (2020) call the net bias; both in percent of sums of absolute values."""

FILTERS = (
    "image",
    "noise",
    "row",
    "column",
    "output",
    "sum_percent",
    "ig_percent",
    "radius",
    "weight_sum",
)
"""Keys of a row of `explain`: the index of the image, its noise, and the place of an output pixel;
the value of this pixel; by how much the sum of Input×Gradient differs from it, and Input×Gradient
from IG, in percent of the sum of the absolute values of IG; the mean distance, in pixels, between
the output pixel and the weights of its effective filter; the sum of the weights."""

# A grey value, and pixels.
_BLACK, _APART = 0.1, 6


def restore(
    model: nn.Module,
    images: Batches,
    blocks: Sequence[Sequence[int]],
    settings: Mapping[str, Any],
    seed: int,
    progress: Progress,
) -> list[Row]:
    """Restore noisy images, in float64.

    Parameters
    ----------
    model : nn.Module
        The denoiser; converted to float64.
    images : Batches
        Grey values from 0 to 1.
    blocks : sequence of sequence of int
        Indices of images that are restored together.
    settings : mapping
        ``noise``, the standard deviations in grey levels, and ``factors``.
    seed : int
        Of the noise, which is the same for all nets, and but for its size for all standard
        deviations.
    progress : callable
        Shows the progress over an iterable.

    Returns
    -------
    list of dict
        With the keys of `RESTORED`.
    """
    model = model.double()
    rows = []
    for block in progress(blocks, "blocks"):
        for noise in settings["noise"]:
            clean, noisy = _noisy(model, images, block, noise, seed)
            restored, linear = jvp(model, noisy, noisy)
            contrast = torch.zeros(len(block), dtype=torch.float64, device=noisy.device)
            for factor in settings["factors"]:
                with torch.no_grad():
                    scaled = model(factor * noisy)
                found = _percent(scaled - factor * restored, factor * restored)
                contrast = contrast.maximum(found)
            columns = (
                psnr(noisy, clean),
                psnr(restored, clean),
                contrast,
                _percent(restored - linear, restored),
            )
            for index, *values in zip(block, *(each.tolist() for each in columns), strict=True):
                rows.append(dict(zip(RESTORED, (index, noise, *values), strict=True)))
    return rows


def explain(
    model: nn.Module,
    images: Batches,
    chosen: Sequence[int],
    settings: Mapping[str, Any],
    seed: int,
    homogeneous: bool,
    progress: Progress,
) -> tuple[list[Row], dict[str, Tensor]]:
    """Explain random output pixels of noisy images, in float64.

    Parameters
    ----------
    model, images, seed, progress
        As for `restore`.
    chosen : sequence of int
        Indices of the images.
    settings : mapping
        ``noise``; ``n_pixels``, drawn among those that are not black in the clean image, if
        there are so many; ``n_steps``; ``shown``, the noise of the images to look at.
    homogeneous : bool
        Whether the net has no biases. Then Input×Gradient is X-Gradient, and IG is exact, of a
        single piece. The path of a net with biases has thousands of pieces, which would take
        minutes for one pixel: there IG has ``n_steps``.

    Returns
    -------
    rows : list of dict
        With the keys of `FILTERS`.
    drawings : dict of str to Tensor
        Of the first image: ``pixels`` (P, 2), the rows and columns of the explained pixels; for
        every noise in ``shown`` the images ``noisy/NOISE`` and ``restored/NOISE`` (H, W), and
        ``filters/NOISE`` (P, H, W).
    """
    model = model.double()
    rows: list[Row] = []
    drawings: dict[str, Tensor] = {}
    for index in progress(chosen, "images"):
        places = _places(images, index, settings["n_pixels"], seed)
        targets = [(0, row, column) for row, column in places]
        for noise in settings["noise"]:
            _, noisy = _noisy(model, images, [index], noise, seed)
            with torch.no_grad():
                restored = model(noisy)
            inputs = noisy.expand(len(targets), -1, -1, -1)
            outputs = torch.stack([restored[(0, *target)] for target in targets])
            weights = saliency(model, inputs, targets)
            if homogeneous:
                product = x_gradient(model, inputs, targets)
                integrated = exact_integrated_gradients(model, inputs, targets)
            else:
                n_steps = settings["n_steps"]
                product = input_x_gradient(model, inputs, targets)
                integrated = integrated_gradients(model, inputs, targets, n_steps=n_steps)
            total = product.flatten(1).sum(1)
            columns = (
                outputs,
                100 * (total - outputs).abs() / integrated.abs().flatten(1).sum(1),
                _percent(product - integrated, integrated),
                _radius(weights, places),
                weights.flatten(1).sum(1),
            )
            numbers = zip(*(each.tolist() for each in columns), strict=True)
            for place, values in zip(places, numbers, strict=True):
                values_of_row = (index, noise, *place, *values)
                rows.append(dict(zip(FILTERS, values_of_row, strict=True)))
            if index == chosen[0] and noise in settings["shown"]:
                drawings["pixels"] = torch.tensor(places)
                drawings[f"noisy/{noise:g}"] = _drawn(noisy[0])
                drawings[f"restored/{noise:g}"] = _drawn(restored[0])
                drawings[f"filters/{noise:g}"] = _drawn(weights.transpose(0, 1))
    return rows, drawings


def _noisy(
    model: nn.Module, images: Batches, indices: Sequence[int], noise: float, seed: int
) -> tuple[Tensor, Tensor]:
    """Return clean and noisy images (n, C, H, W)."""
    clean, _ = images.__getitems__(indices)
    drawn = torch.stack([standard_noise(clean.shape[1:], seed, index) for index in indices])
    device = next(model.parameters()).device
    clean = clean.double().to(device)
    return clean, clean + noise / GREY_LEVELS * drawn.double().to(device)


def _places(images: Batches, index: int, n_pixels: int, seed: int) -> list[tuple[int, int]]:
    """Draw different pixels of an image, not black and apart from each other where possible."""
    clean, _ = images.__getitems__([index])
    grey = clean[0].mean(0)
    generator = torch.Generator().manual_seed(job_seed(seed, "pixels", str(index)))
    order = torch.randperm(grey.numel(), generator=generator).tolist()
    free = [divmod(place, grey.shape[1]) for place in order]
    chosen: list[tuple[int, int]] = []

    def drawback(place: tuple[int, int]) -> tuple[bool, bool]:
        near = any(math.dist(place, other) < _APART for other in chosen)
        return bool(grey[place] <= _BLACK), near

    for _ in range(min(n_pixels, len(free))):
        # Of equals the first in the order of the draw.
        chosen.append(min(free, key=drawback))
        free.remove(chosen[-1])
    return chosen


def _radius(weights: Tensor, places: Sequence[tuple[int, int]]) -> Tensor:
    """Return the mean distance (P,) of weights (P, C, H, W) from pixels, weighted by their size."""
    sizes = weights.abs().sum(1)
    height, width = sizes.shape[1:]
    rows = torch.arange(height, device=sizes.device).view(1, -1, 1)
    columns = torch.arange(width, device=sizes.device).view(1, 1, -1)
    at = torch.tensor(places, dtype=sizes.dtype, device=sizes.device)
    distances = torch.hypot(rows - at[:, 0, None, None], columns - at[:, 1, None, None])
    return (distances * sizes).sum((1, 2)) / sizes.sum((1, 2))


def _percent(difference: Tensor, whole: Tensor) -> Tensor:
    """Return by image the sum of absolute differences in percent of the sum of absolute values."""
    first, second = (each.abs().flatten(1).sum(1) for each in (difference, whole))
    return 100 * first / second


def _drawn(values: Tensor) -> Tensor:
    """Return the mean over the channels, the first axis, to draw."""
    return values.mean(0).float().cpu().contiguous()
