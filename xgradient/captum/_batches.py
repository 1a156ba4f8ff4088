"""Batches in which every row stands several times, once for each sample or reference."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from xgradient._explained import Inputs, per_input
from xgradient._targets import TargetLike

__all__ = ["averaged", "distribution", "noisy", "repeated", "repeated_arguments", "repeated_target"]


def distribution(
    baselines: Tensor | tuple[Tensor, ...] | Callable[..., Any], inputs: Any
) -> tuple[Tensor, ...]:
    """Check the references of all inputs.

    Parameters
    ----------
    baselines : Tensor or tuple of Tensor, or callable
        References, or a function that returns them, of no argument or of the inputs.
    inputs : Tensor or tuple of Tensor
        What they are references of.

    Returns
    -------
    tuple of Tensor, each of shape (R, ...)
        One for each input.

    Raises
    ------
    TypeError
        If they are something else than tensors.
    ValueError
        If they do not fit the inputs.
    """
    if callable(baselines):
        takes_inputs = bool(inspect.signature(baselines).parameters)
        baselines = baselines(inputs) if takes_inputs else baselines()
    every = inputs if isinstance(inputs, tuple) else (inputs,)
    given = per_input(baselines, len(every), "baselines")
    for values, x in zip(given, every, strict=True):
        if not isinstance(values, Tensor):
            raise TypeError(
                "baselines must be a Tensor of shape (R, ...) with R references, or a function "
                f"that returns one, got {type(values).__name__}"
            )
        if values.ndim != x.ndim or values.shape[1:] != x.shape[1:]:
            raise ValueError(
                f"baselines must have shape (R, ...) like the inputs of shape {tuple(x.shape)}, "
                f"got {tuple(values.shape)}"
            )
        if len(values) != len(given[0]):
            raise ValueError(
                "baselines must have the same number of references for every input, got "
                f"{[len(each) for each in given]}"
            )
    return given


def repeated(inputs: Inputs, times: int) -> Inputs:
    """Repeat every row of the inputs, so that its copies follow each other."""
    if isinstance(inputs, tuple):
        return tuple(values.repeat_interleave(times, 0) for values in inputs)
    return inputs.repeat_interleave(times, 0)


def noisy(inputs: Inputs, stdevs: float | tuple[float, ...]) -> Inputs:
    """Add normal noise, of one standard deviation or of one for each input."""
    if isinstance(inputs, tuple):
        each = per_input(stdevs, len(inputs), "stdevs")
        return tuple(x + s * torch.randn_like(x) for x, s in zip(inputs, each, strict=True))
    (only,) = per_input(stdevs, 1, "stdevs")
    noise: Tensor = only * torch.randn_like(inputs)
    return inputs + noise


def repeated_target(target: TargetLike, n_rows: int, times: int) -> TargetLike:
    """Let a target that names an output for each row follow its rows."""
    if isinstance(target, list):
        return target if len(target) == 1 else [each for each in target for _ in range(times)]
    if isinstance(target, tuple) or not hasattr(target, "__len__"):
        return target
    values = torch.as_tensor(target)
    follows = values.ndim and (len(values) == n_rows != 1 or values.ndim > 1)
    return values.repeat_interleave(times, 0) if follows else target


def repeated_arguments(arguments: Any, n_rows: int, times: int) -> Any:
    """Let further arguments with a value for each row follow their rows."""
    if isinstance(arguments, tuple):
        return tuple(repeated_arguments(each, n_rows, times) for each in arguments)
    follows = isinstance(arguments, Tensor) and arguments.shape[:1] == (n_rows,)
    return arguments.repeat_interleave(times, 0) if follows else arguments


def averaged(attributions: Inputs, times: int) -> Inputs:
    """Average over the copies of every row."""
    if isinstance(attributions, tuple):
        return tuple(averaged(values, times) for values in attributions)
    return attributions.unflatten(0, (-1, times)).mean(1)
