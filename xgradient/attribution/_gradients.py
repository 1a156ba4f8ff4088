"""Gradients of target logits with respect to the inputs, which all methods share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import get_gradient_edge

from xgradient._inputs import check_logits, check_target_range, evaluation_mode


@contextmanager
def attributing(model: nn.Module) -> Iterator[None]:
    """Run the net in evaluation mode and with gradients, whatever the caller switched off."""
    with evaluation_mode(model), torch.inference_mode(False), torch.enable_grad():
        yield


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


def input_gradient(run: Callable[[Tensor], Tensor], points: Tensor, target: Tensor) -> Tensor:
    """Gradient of the target logit of each row with respect to that row; overwrites the points."""
    points = _Tracked.apply(points, torch.zeros((), device=points.device, requires_grad=True))
    start = get_gradient_edge(points)
    logits = select_target(run(points), target)
    gradient = None
    if logits.requires_grad:
        (gradient,) = torch.autograd.grad(logits.sum(), start, allow_unused=True)
    if gradient is None:
        raise ValueError(
            "the logits do not depend on the inputs in a way that can be differentiated: look for "
            "a detach or an integer conversion in the net"
        )
    return gradient


def select_target(logits: Tensor, target: Tensor) -> Tensor:
    """Target logit of each row."""
    logits = check_logits(logits, len(target))
    check_target_range(target, logits.shape[1])
    return logits.gather(1, target[:, None])[:, 0]


@torch.no_grad()
def target_logits(model: nn.Module, inputs: Tensor, target: Tensor, rows: int) -> Tensor:
    """Target logits of all images, a bounded number at a time; one row serves all targets."""
    logits = [check_logits(model(part.clone()), len(part)) for part in inputs.split(rows)]
    return select_target(torch.cat(logits).expand(len(target), -1), target)


def accumulator(dtype: torch.dtype) -> torch.dtype:
    """Type of a sum of many gradients: single precision at least."""
    return torch.promote_types(dtype, torch.float32)
