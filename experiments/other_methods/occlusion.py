"""Occlusion: how much the output falls when a part of the input is taken away."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

__all__ = ["occlusion"]

_PARTS = 7


def occlusion(
    model: nn.Module,
    inputs: Tensor,
    target: Tensor,
    *,
    baselines: Tensor | float | None = None,
    window: int | None = None,
    stride: int | None = None,
) -> Tensor:
    """Fall of the target output when a window of the input is set to the baseline.

    Captum's ``Occlusion`` has the same definition, but returns single precision for inputs in
    double precision.

    Parameters
    ----------
    model : nn.Module
        Maps inputs to outputs (N, K).
    inputs : Tensor of shape (N, F) or (N, C, ...)
        Vectors, or images or sequences, of which all channels are taken away together.
    target : Tensor of shape (N,)
        Indices of the outputs to explain.
    baselines : Tensor or float, optional
        What a window is set to: None for zero, or a number or tensor that broadcasts to the inputs.
    window : int, optional
        Entries of a window along each axis; by default one of a vector, and a seventh of the side
        of an image, rounded up.
    stride : int, optional
        From one window to the next; by default that of windows side by side. Windows end at the
        border.

    Returns
    -------
    Tensor
        Shaped like the inputs: the mean over all windows that an entry is in.

    Raises
    ------
    ValueError
        If the window is not between one entry and the whole input, or the stride not between one
        entry and the window.

    References
    ----------
    Zeiler and Fergus (2014), "Visualizing and Understanding Convolutional Networks", Sec. 4.2.
    """
    first = 1 if inputs.dim() == 2 else 2
    sides = inputs.shape[first:]
    default = 1 if first == 1 else math.ceil(min(sides) / _PARTS)
    window = default if window is None else window
    stride = window if stride is None else stride
    if not 1 <= window <= min(sides):
        raise ValueError(f"window must be between 1 and {min(sides)} entries, got {window}")
    if not 1 <= stride <= window:
        raise ValueError(f"stride must be between 1 and the window of {window}, got {stride}")
    start = torch.as_tensor(
        0.0 if baselines is None else baselines, dtype=inputs.dtype, device=inputs.device
    ).expand_as(inputs)
    total = torch.zeros_like(inputs)
    count = torch.zeros(sides, dtype=inputs.dtype, device=inputs.device)
    with torch.no_grad():
        whole = _scores(model, inputs, target)
        for place in itertools.product(*(_intervals(side, window, stride) for side in sides)):
            occluded = inputs.clone()
            inside = (*(slice(None),) * first, *place)
            occluded[inside] = start[inside]
            fall = whole - _scores(model, occluded, target)
            total[inside] += fall.view(-1, *(1,) * (inputs.dim() - 1))
            count[place] += 1
    return total / count


def _intervals(side: int, window: int, stride: int) -> Sequence[slice]:
    """Return windows that cover an axis; the last ends with it."""
    number = math.ceil((side - window) / stride) + 1
    return [slice(k * stride, min(k * stride + window, side)) for k in range(number)]


def _scores(model: nn.Module, inputs: Tensor, target: Tensor) -> Tensor:
    outputs: Tensor = model(inputs)
    return outputs.gather(1, target[:, None]).squeeze(1)
