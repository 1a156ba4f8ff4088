"""How much an affine operation can amplify a change of its arguments."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from xgradient._calls import map_tensors, tensors_in

__all__ = ["lipschitz_of_affine"]

# Largest matrix whose norm is worth the product with its transpose, by the shorter side.
_LARGEST = 4096


def lipschitz_of_affine(
    func: Callable[..., Any],
    name: str,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    tracked: list[Tensor],
) -> float:
    """Bound the Euclidean operator norm of an affine call, as a function of some arguments.

    ``|A|_2 <= sqrt(|A|_1 |A|_inf)``, the largest absolute column and row sums, for every matrix A;
    they are the result, and the gradient, of the same call with ones for the arguments and
    absolute values for the constants. Linear layers and convolutions have a tighter bound by the
    norm of their weight: an entry of the input of a convolution is in at most ``prod(ceil(kernel /
    stride))`` of its windows.

    Parameters
    ----------
    func : callable
        The torch function.
    name : str
        Its name.
    args, kwargs : tuple, dict
        Its arguments.
    tracked : list of Tensor
        Those that vary; together they are one vector.

    Returns
    -------
    float
        The bound.
    """
    bound = math.inf
    if name == "linear" or (name.startswith("conv") and not name.startswith("conv_transpose")):
        bound = _of_layer(name, args, kwargs, tracked[0])
    with torch.enable_grad():
        columns = 0.0
        total: Tensor | None = None
        for tensor in tracked:
            point = torch.ones_like(tensor, requires_grad=True)
            output = _with(func, args, kwargs, tracked, tensor, point)
            constant = _with(func, args, kwargs, tracked, tensor, torch.zeros_like(tensor))
            (below,) = torch.autograd.grad(output.sum(), point, allow_unused=True)
            linear = (output.detach() - constant.detach()).abs()
            total = linear if total is None else total + linear
            if below is not None:
                columns = max(columns, float(below.abs().max()))
        assert total is not None
        rows = float(total.max()) if total.numel() else 0.0
    return min(bound, math.sqrt(rows * columns))


def _with(
    func: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    tracked: list[Tensor],
    tensor: Tensor,
    point: Tensor,
) -> Tensor:
    """Run a call with a point for one argument and zero for the other ones."""

    def replaced(value: Tensor) -> Tensor:
        if value is tensor:
            return point.clone()  # which may be overwritten
        if any(value is other for other in tracked):
            return torch.zeros_like(value)
        copied = value.detach().clone()
        return copied.abs() if copied.is_floating_point() else copied

    new_args, new_kwargs = map_tensors(replaced, (args, kwargs))
    output = func(*new_args, **new_kwargs)
    if output is None:  # an assignment
        output = new_args[0]
    return torch.cat([values.flatten() for values in tensors_in(output)])


def _of_layer(name: str, args: tuple[Any, ...], kwargs: dict[str, Any], varying: Tensor) -> float:
    weight = args[1] if len(args) > 1 else kwargs["weight"]
    if weight is varying or weight.ndim < 2:
        return math.inf
    if name == "linear":
        return _matrix_norm(weight)
    stride = args[3] if len(args) > 3 else kwargs.get("stride", 1)
    groups = args[6] if len(args) > 6 else kwargs.get("groups", 1)
    kernel = weight.shape[2:]
    steps = [stride] if isinstance(stride, int) else list(stride)
    steps = steps * len(kernel) if len(steps) == 1 else steps
    windows = math.prod(-(-size // step) for size, step in zip(kernel, steps, strict=True))
    return math.sqrt(windows) * max(_matrix_norm(part) for part in weight.chunk(groups))


def _matrix_norm(weight: Tensor) -> float:
    """``|W|_2 <= |(W W^T)^8|_inf^(1/16)``, within a few percent and without a decomposition."""
    matrix = weight.detach().flatten(1).double()
    if matrix.shape[0] > matrix.shape[1]:
        matrix = matrix.T
    if len(matrix) > _LARGEST or not matrix.any():
        return math.inf if matrix.any() else 0.0
    scale = float(matrix.abs().max())
    power = (matrix / scale) @ (matrix / scale).T
    logarithm = 0.0
    for exponent in (1, 2, 4):
        size = float(power.abs().max())
        logarithm += math.log(size) / exponent
        power = (power / size) @ (power / size)
    logarithm += math.log(float(power.abs().sum(1).max())) / 8
    return scale * math.exp(logarithm / 2)
