"""Gradients of scores with respect to the inputs, which all methods share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import get_gradient_edge

from xgradient.attribution._second_pass import SecondPass


class _Tracked(torch.autograd.Function):
    """Identity that makes gradients flow to a tensor without a copy of it.

    The result is not a leaf, so that a net whose first operation works in place may overwrite it.
    """

    @staticmethod
    def forward(ctx: Any, values: Tensor, anchor: Tensor) -> Tensor:
        ctx.mark_dirty(values)
        return values

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient, None


def input_gradient(
    run: Callable[[Sequence[Tensor]], Tensor],
    points: Sequence[Tensor],
    create_graph: bool = False,
) -> tuple[Tensor, ...]:
    """Gradient of the score of each row with respect to that row; overwrites the points.

    Parameters
    ----------
    run : callable
        From points to scores (M,).
    points : sequence of Tensor, each of shape (M, ...)
        Where the gradient is taken; no views. Those of integers get no gradient.
    create_graph : bool, default False
        Whether the gradient is to be differentiated.

    Returns
    -------
    tuple of Tensor
        Shaped like the points; zero for one that the scores do not depend on.

    Raises
    ------
    ValueError
        If the scores depend on none.
    """
    anchor = torch.zeros((), device=points[0].device, requires_grad=True)
    tracked = [_Tracked.apply(values, anchor) for values in points]
    starts = [get_gradient_edge(values) for values in tracked]
    shapes = [(values.shape, values.dtype) for values in tracked]
    second_pass = SecondPass()
    with second_pass if create_graph else nullcontext():
        scores = run(tracked)
    gradients: Sequence[Tensor | None] = [None]
    if scores.requires_grad:
        gradients = torch.autograd.grad(
            scores.sum(), starts, allow_unused=True, create_graph=create_graph
        )
    second_pass.by_inputs_only = False
    if all(gradient is None for gradient in gradients):
        raise ValueError(
            "the outputs do not depend on the inputs in a way that can be differentiated: look "
            "for a detach or an integer conversion in the net"
        )
    return tuple(
        torch.zeros(shape, dtype=dtype, device=anchor.device) if gradient is None else gradient
        for gradient, (shape, dtype) in zip(gradients, shapes, strict=True)
    )


def copies(inputs: Sequence[Tensor]) -> list[Tensor]:
    """Points that a net may overwrite."""
    return [values.clone() for values in inputs]


def accumulator(dtype: torch.dtype) -> torch.dtype:
    """Type of a sum of many gradients: single precision at least."""
    return torch.promote_types(dtype, torch.float32)
