"""Mean absolute relative difference between Integrated Gradients and Input x Gradient (MARD).

In exact arithmetic it is zero for an X-DNN. What is left of it measures the precision of the
arithmetic: `rounded_forward` imitates, on any device, the rounding that tensor cores apply to the
operands of products. The gradient of a piecewise linear net is the same along the path, however
its weights are rounded, as long as every ReLU and every maximum decides alike: the difference
comes from units that rounded inputs push over their threshold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

PRECISIONS = ("tf32", "bfloat16")
"""Names of the formats that `round_to_precision` knows."""

# Of the 23 bits of a float32 significand, TF32 keeps the upper 10.
_DROPPED_BITS = 13

_PRODUCTS = (
    functional.linear,
    functional.conv1d,
    functional.conv2d,
    functional.conv3d,
    functional.conv_transpose1d,
    functional.conv_transpose2d,
    functional.conv_transpose3d,
)


def mean_absolute_relative_difference(
    attributions_a: Tensor, attributions_b: Tensor, eps: float = 1e-7
) -> float:
    """Difference of two attributions of one batch, relative to the first.

    ``d = mean|a - b| / (mean|a| + eps)``, both means over the whole batch: a ratio of means, not
    a mean of ratios. It depends on how images are batched, and the paper's batches hold 16.

    Parameters
    ----------
    attributions_a : Tensor of any shape
        Integrated Gradients of the batch.
    attributions_b : Tensor of the same shape
        Input x Gradient (or X-Gradient) of the batch.
    eps : float, default 1e-7
        Keeps the ratio finite.

    Returns
    -------
    float
        The ratio, as a fraction; the means are taken in double precision.

    Raises
    ------
    ValueError
        If the shapes differ, the batch is empty, or a value is NaN or infinite.

    References
    ----------
    Hesse, Schaub-Meyer and Roth (2021), Sec. 4.1.
    """
    if attributions_a.shape != attributions_b.shape:
        raise ValueError(
            f"attributions of shapes {tuple(attributions_a.shape)} and "
            f"{tuple(attributions_b.shape)} cannot be compared"
        )
    if attributions_a.numel() == 0:
        raise ValueError("attributions of an empty batch cannot be compared")
    a, b = attributions_a.double(), attributions_b.double()
    for name, attributions in (("attributions_a", a), ("attributions_b", b)):
        if not torch.isfinite(attributions).all():
            raise ValueError(f"{name} hold NaN or infinity")
    return float((a - b).abs().mean() / (a.abs().mean() + eps))


def relative_difference(batches: Iterable[tuple[Tensor, Tensor]], eps: float = 1e-7) -> float:
    """MARD of a data set: the mean over batches of `mean_absolute_relative_difference`.

    Parameters
    ----------
    batches : iterable of (Tensor, Tensor)
        Integrated Gradients and Input x Gradient of each batch; consumed one at a time. A last
        batch that is smaller counts like the others, as in the paper.
    eps : float, default 1e-7
        Keeps the ratio of a batch finite.

    Returns
    -------
    float
        MARD in percent.

    Raises
    ------
    ValueError
        If there is no batch, or the attributions of a batch cannot be compared.

    References
    ----------
    Hesse, Schaub-Meyer and Roth (2021), Sec. 4.1.
    """
    differences = [mean_absolute_relative_difference(a, b, eps) for a, b in batches]
    if not differences:
        raise ValueError("the relative difference of no batches is undefined")
    return 100 * sum(differences) / len(differences)


def round_to_precision(values: Tensor, precision: str) -> Tensor:
    """Round float32 values to a format with fewer significand bits, to nearest, ties to even.

    Parameters
    ----------
    values : Tensor, float32
        Values of any shape; NaN and infinity stay what they are.
    precision : str
        "tf32" (8 exponent and 10 stored significand bits) or "bfloat16" (8 and 7).

    Returns
    -------
    Tensor
        Rounded values, still stored as float32; not differentiable.

    Raises
    ------
    ValueError
        If the precision is unknown.
    TypeError
        If the values are not float32.
    """
    _check_precision(precision)
    if values.dtype != torch.float32:
        raise TypeError(
            f"rounding to {precision} is defined for float32, got {values.dtype}: convert net and "
            "inputs to float32"
        )
    values = values.detach()
    if precision == "bfloat16":
        return values.to(torch.bfloat16).to(torch.float32)
    # Add just under half a unit of the last kept place, the rest too if that place is odd, and cut.
    # The carry runs into the exponent as it should, at the largest values up to infinity.
    bits = values.contiguous().view(torch.int32)
    rounded = (bits >> _DROPPED_BITS).bitwise_and_(1)
    rounded += bits
    rounded += (1 << (_DROPPED_BITS - 1)) - 1
    rounded &= -(1 << _DROPPED_BITS)
    # The carry of a NaN could end anywhere.
    return torch.where(values.isnan(), values, rounded.view(torch.float32))


@contextmanager
def rounded_forward(model: nn.Module, precision: str) -> Iterator[None]:
    """Round the operands of every convolution and linear layer, as tensor cores do.

    Inside the context, whenever the net is called, each product ``x * w`` of a convolution or
    linear layer, module or functional, is computed from ``round(x)`` and ``round(w)`` and
    accumulated in float32; the bias is added unrounded. The backward pass of such a layer is made
    of products as well, and their operands are rounded in the same way: ``round(g) * round(w)``
    for the gradient of x and ``round(x) * round(g)`` for that of w. Rounding itself has derivative
    one. Everything else, such as activations and pooling, stays in float32.

    Hardware differs in details that this leaves out: the order of accumulation, and the treatment
    of exact ties. A context inside a context for the same net rounds to both formats.

    Parameters
    ----------
    model : nn.Module
        Net with float32 parameters; calls of its submodules by themselves are not affected.
    precision : str
        "tf32" or "bfloat16".

    Yields
    ------
    None
        While the net rounds.

    Raises
    ------
    ValueError
        If the precision is unknown.
    TypeError
        When the net is called in another type than float32.
    """
    _check_precision(precision)
    # An attribute of the instance is what nn.Module calls, and hides the method of the class.
    replaced = vars(model).get("forward")
    forward = model.forward

    def rounding(*args: Any, **kwargs: Any) -> Any:
        with _RoundedProducts(precision):
            return forward(*args, **kwargs)

    model.forward = rounding
    try:
        yield
    finally:
        if replaced is None:
            del model.forward
        else:
            model.forward = replaced


class _RoundedProducts(TorchFunctionMode):
    """Round both operands of convolutions and linear maps, forward and backward."""

    def __init__(self, precision: str) -> None:
        super().__init__()
        self.precision = precision

    def __torch_function__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        if func not in _PRODUCTS:
            return func(*args, **(kwargs or {}))
        return self._product(func, *args, **(kwargs or {}))

    def _product(
        self,
        func: Callable,
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> Tensor:
        input = _Rounded.apply(input, self.precision)
        weight = _Rounded.apply(weight, self.precision)
        output = _RoundedGradient.apply(func(input, weight, None, *args, **kwargs), self.precision)
        if bias is None:
            return output
        if func is functional.linear:
            return output + bias
        spatial = func.__name__[-2]
        return output + bias.view(-1, *(1,) * int(spatial))


class _Rounded(torch.autograd.Function):
    """Rounding with derivative one."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, precision: str) -> Tensor:
        return round_to_precision(values, precision)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient, None


class _RoundedGradient(torch.autograd.Function):
    """Identity that rounds the gradient on its way back into a product."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, precision: str) -> Tensor:
        ctx.precision = precision
        # Returned as a tensor changed in place: an in-place ReLU may not touch a view.
        ctx.mark_dirty(values)
        return values

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return round_to_precision(gradient, ctx.precision), None


def _check_precision(precision: str) -> None:
    if precision not in PRECISIONS:
        raise ValueError(f"unknown precision {precision!r}: choose one of {', '.join(PRECISIONS)}")
