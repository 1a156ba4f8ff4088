"""Arithmetic of reduced precision, emulated on any device.

`rounded_forward` emulates the rounding that tensor cores apply to the operands of products.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

PRECISIONS = ("tf32", "bfloat16")
"""Names of the formats that `round_to_precision` knows."""

# Stored bits of their significands, of the 23 of float32.
_BITS = {"tf32": 10, "bfloat16": 7}
_ALL_BITS = 23

_PRODUCTS = (
    functional.linear,
    functional.conv1d,
    functional.conv2d,
    functional.conv3d,
    functional.conv_transpose1d,
    functional.conv_transpose2d,
    functional.conv_transpose3d,
)


def round_to_precision(values: Tensor, precision: str | int) -> Tensor:
    """Round float32 values to a format with fewer significand bits, to nearest, ties to even.

    Parameters
    ----------
    values : Tensor, float32
        Values of any shape; NaN and infinity stay what they are.
    precision : str or int
        "tf32" (8 exponent and 10 stored significand bits), "bfloat16" (8 and 7), or a number of
        stored significand bits from 1 to 23, the 8 bits of the exponent being kept.

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
    bits = _significand_bits(precision)
    if values.dtype != torch.float32:
        name = precision if isinstance(precision, str) else f"{bits} bits"
        raise TypeError(
            f"rounding to {name} is defined for float32, got {values.dtype}: convert net and "
            "inputs to float32"
        )
    values = values.detach()
    if bits == _BITS["bfloat16"]:
        return values.to(torch.bfloat16).to(torch.float32)
    dropped = _ALL_BITS - bits
    if dropped == 0:
        return values.clone()
    # Add just under half a unit of the last kept place, the rest too if that place is odd, and cut.
    # The carry runs into the exponent as it should, at the largest values up to infinity.
    pattern = values.contiguous().view(torch.int32)
    rounded = (pattern >> dropped).bitwise_and_(1)
    rounded += pattern
    rounded += (1 << (dropped - 1)) - 1
    rounded &= -(1 << dropped)
    # The carry of a NaN could end anywhere.
    return torch.where(values.isnan(), values, rounded.view(torch.float32))


@contextmanager
def rounded_forward(model: nn.Module, precision: str | int) -> Iterator[None]:
    """Round the operands of every convolution and linear layer, as tensor cores do.

    Inside the context, whenever the net is called, each product ``x * w`` of a convolution or
    linear layer, module or functional, is computed from ``round(x)`` and ``round(w)`` and
    accumulated in float32; the bias is added unrounded. The backward pass of such a layer is made
    of products as well, and their operands are rounded in the same way: ``round(g) * round(w)``
    for the gradient of x and ``round(x) * round(g)`` for that of w. Rounding itself has derivative
    one. Everything else, such as activations and pooling, stays in float32.

    Hardware differs in details that are not emulated: the order of accumulation and the treatment
    of exact ties. A context inside a context for the same net rounds to both formats.

    Parameters
    ----------
    model : nn.Module
        Net with float32 parameters; calls of its submodules by themselves are not affected.
    precision : str or int
        "tf32", "bfloat16", or a number of stored significand bits; see `round_to_precision`.

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
    _significand_bits(precision)
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

    def __init__(self, precision: str | int) -> None:
        super().__init__()
        self.precision = precision

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if func not in _PRODUCTS:
            return func(*args, **(kwargs or {}))
        return self._product(func, *args, **(kwargs or {}))

    def _product(
        self,
        func: Callable[..., Any],
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
    def forward(ctx: Any, values: Tensor, precision: str | int) -> Tensor:
        return round_to_precision(values, precision)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient, None


class _RoundedGradient(torch.autograd.Function):
    """Identity that rounds the gradient on its way back into a product."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, precision: str | int) -> Tensor:
        ctx.precision = precision
        # Returned as a tensor changed in place: an in-place ReLU may not touch a view.
        ctx.mark_dirty(values)
        return values

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return round_to_precision(gradient, ctx.precision), None


def _significand_bits(precision: str | int) -> int:
    if isinstance(precision, str) and precision in _BITS:
        return _BITS[precision]
    if isinstance(precision, int) and 1 <= precision <= _ALL_BITS:
        return precision
    raise ValueError(
        f"precision must be one of {', '.join(PRECISIONS)} or a number of bits from 1 to "
        f"{_ALL_BITS}, got {precision!r}"
    )
