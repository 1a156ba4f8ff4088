"""Integrated Gradients by numerical quadrature."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, overload

import torch
from torch import Tensor, nn

from xgradient._inputs import check_positive_integer, validated, validated_baselines
from xgradient.attribution._first_layer import BehindLayer, only_reader
from xgradient.attribution._gradients import accumulator, attributing, input_gradient, target_logits
from xgradient.attribution.quadrature import quadrature

# Default number of rows per pass: enough to use the processor well for a single image.
_DEFAULT_ROWS = 16


@overload
def integrated_gradients(
    model: nn.Module,
    inputs: Tensor,
    target: Tensor | int,
    *,
    baselines: Tensor | float | None = None,
    n_steps: int = 128,
    method: str = "gausslegendre",
    internal_batch_size: int | None = None,
    return_convergence_delta: Literal[False] = False,
) -> Tensor: ...


@overload
def integrated_gradients(
    model: nn.Module,
    inputs: Tensor,
    target: Tensor | int,
    *,
    baselines: Tensor | float | None = None,
    n_steps: int = 128,
    method: str = "gausslegendre",
    internal_batch_size: int | None = None,
    return_convergence_delta: Literal[True],
) -> tuple[Tensor, Tensor]: ...


def integrated_gradients(
    model: nn.Module,
    inputs: Tensor,
    target: Tensor | int,
    *,
    baselines: Tensor | float | None = None,
    n_steps: int = 128,
    method: str = "gausslegendre",
    internal_batch_size: int | None = None,
    return_convergence_delta: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """Integrated Gradients along the straight path from a baseline to the input.

    ``IG_i = (x_i - b_i) * sum_j w_j dF/dx_i(b + alpha_j (x - b))`` with the nodes and weights of
    `quadrature`. At most ``internal_batch_size`` path points are evaluated at a time, for any
    number of steps.

    If a single linear or convolution layer is the only reader of the input, its work is shared
    between the nodes: its output is linear in alpha, so it is computed at the two ends of the path
    only, and its transpose is applied once, to the averaged gradient of its output.
    The result is the same up to rounding.

    Parameters
    ----------
    model : nn.Module
        Net that returns logits of shape (N, K).
    inputs : Tensor of shape (N, ...)
        Images or feature vectors.
    target : Tensor of shape (N,), integer, or int
        Class index of the logit to explain, per image or one for all.
    baselines : Tensor or float, optional
        Start of the path: None for zero, a number, or a tensor that broadcasts to the inputs.
    n_steps : int, default 128
        Number of nodes, that is of gradients per image.
    method : str, default "gausslegendre"
        One of `QUADRATURE_METHODS`.
    internal_batch_size : int, optional
        Number of images (path points) per forward and backward pass. By default the size of the
        batch, or 16 for a smaller batch.
    return_convergence_delta : bool, default False
        Whether to return the error of completeness as well.

    Returns
    -------
    attributions : Tensor
        Shaped like the inputs.
    delta : Tensor of shape (N,)
        ``sum(attributions) - (F(x) - F(b))`` per image; only with ``return_convergence_delta``.

    Raises
    ------
    ValueError, TypeError
        If inputs, target, baselines and net do not fit together, the method is unknown, or a
        number of steps or rows is not positive.

    References
    ----------
    Sundararajan, Taly and Yan (2017), Sec. 3 and 5.
    """
    inputs, target = validated(model, inputs, target)
    baselines = validated_baselines(baselines, inputs)
    alphas, weights = quadrature(method, n_steps)
    rows = _validated_rows(internal_batch_size, len(inputs))

    parts = math.ceil(len(inputs) / rows)
    with attributing(model):
        # Refuses a target that the net has no logit for, by its place in the whole batch.
        target_logits(model, inputs[:1], target, rows)
        attributions = torch.empty_like(inputs)
        layer = only_reader(model, inputs[:1])
        for out, ends, starts, classes in zip(
            attributions.tensor_split(parts),
            inputs.tensor_split(parts),
            _split_baselines(baselines, parts),
            target.tensor_split(parts),
            strict=True,
        ):
            if layer is None:
                gradient = _path_gradient(
                    model, starts, ends - starts, classes, alphas, weights, rows
                )
            else:
                gradient = _path_gradient_behind(
                    layer, model, starts, ends, classes, alphas, weights, rows
                )
            torch.mul(ends - starts, gradient, out=out)
        if not return_convergence_delta:
            return attributions
        change = target_logits(model, inputs, target, rows) - target_logits(
            model, baselines, target, rows
        )
    return attributions, attributions.flatten(1).sum(1) - change


def _path_gradient(
    run: Callable[[Tensor], Tensor],
    start: Tensor,
    direction: Tensor,
    target: Tensor,
    alphas: Tensor,
    weights: Tensor,
    rows: int,
) -> Tensor:
    """Weighted sum over the nodes of the gradient at ``start + alpha * direction``."""
    images, shape = direction.shape[0], direction.shape[1:]
    total = torch.zeros_like(direction, dtype=accumulator(direction.dtype))

    # A separate function frees the tensors of a pass before the next one begins.
    def add_gradients(nodes: Tensor, node_weights: list[float]) -> None:
        steps = nodes.view(-1, 1, *(1 for _ in shape))
        points = direction.new_empty(len(nodes) * images, *shape)
        with torch.no_grad():
            torch.addcmul(start, steps, direction, out=points.unflatten(0, (-1, images)))
        gradient = input_gradient(run, points, target.repeat(len(nodes)))
        # One term at a time: no copy of the gradient, and weights in double precision.
        for weight, term in zip(node_weights, gradient.unflatten(0, (-1, images)), strict=True):
            total.add_(term, alpha=weight)

    per_pass = max(1, rows // images)
    for nodes, node_weights in zip(
        alphas.to(direction).split(per_pass), weights.split(per_pass), strict=True
    ):
        add_gradients(nodes, node_weights.tolist())
    return total.to(direction.dtype)


def _path_gradient_behind(
    layer: nn.Module,
    model: nn.Module,
    start: Tensor,
    end: Tensor,
    target: Tensor,
    alphas: Tensor,
    weights: Tensor,
    rows: int,
) -> Tensor:
    """`_path_gradient` for a net whose input is read by one linear layer only."""
    leaf = end.detach().requires_grad_()
    at_end = layer(leaf)
    with torch.no_grad():
        at_start = layer(start)
        direction = at_end - at_start
    gradient = _path_gradient(
        BehindLayer(layer, model, end), at_start, direction, target, alphas, weights, rows
    )
    return torch.autograd.grad(at_end, leaf, gradient)[0]


def _split_baselines(baselines: Tensor, parts: int) -> tuple[Tensor, ...]:
    return (baselines,) * parts if len(baselines) == 1 else baselines.tensor_split(parts)


def _validated_rows(internal_batch_size: int | None, n_images: int) -> int:
    if internal_batch_size is None:
        return max(n_images, _DEFAULT_ROWS)
    check_positive_integer("internal_batch_size", internal_batch_size)
    return internal_batch_size
