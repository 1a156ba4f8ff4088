"""Gradients of attributions for little more than the attributions themselves.

The gradient of a net by its input depends on the activations through the slopes of the
nonlinearities alone. Where these are piecewise linear, the slopes are constant almost everywhere;
PyTorch does not know and sends zeros back through the whole net once more, weights included. Here
ReLU and pooling keep their slopes as constants, so that nothing is sent. And PyTorch differentiates
the gradient of a convolution by its weight as a convolution with a kernel as large as the image;
here it is what it is, the gradient of a convolution by its weight.

For a net of convolutions, ReLU and pooling the derivative of a loss of its input gradient thus
costs no more than a gradient by input and weights. Every other function of a net is left to
PyTorch, which computes the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from xgradient._transposed import transposed
from xgradient.attribution._relu_calls import relu_call

# The slope of each is constant between kinks; the first argument is the only tensor.
_PIECEWISE_LINEAR = {
    functional.leaky_relu,
    functional.relu6,
    functional.hardtanh,
    functional.avg_pool1d,
    functional.avg_pool2d,
    functional.avg_pool3d,
    functional.adaptive_avg_pool1d,
    functional.adaptive_avg_pool2d,
    functional.adaptive_avg_pool3d,
    functional.max_pool1d,
    functional.max_pool2d,
    functional.max_pool3d,
    functional.adaptive_max_pool1d,
    functional.adaptive_max_pool2d,
    functional.adaptive_max_pool3d,
}
_CONVOLUTIONS = {torch.conv1d: 1, torch.conv2d: 2, torch.conv3d: 3}


class SecondPass(TorchFunctionMode):
    """While active, a net is run so that its input gradient is cheap to differentiate.

    Attributes
    ----------
    by_inputs_only : bool
        Whether the backward pass that runs now is asked for gradients of inputs alone: then no
        convolution computes that of its weight.
    """

    def __init__(self) -> None:
        super().__init__()
        self.by_inputs_only = True

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if torch.is_autocast_enabled("cpu") or torch.is_autocast_enabled("cuda"):
            return func(*args, **kwargs)
        relu = relu_call(func, args, kwargs)
        if relu is not None and relu[0].requires_grad:
            return _ReLU.apply(*relu)
        if func in _PIECEWISE_LINEAR and _is_plain(args, kwargs):
            return _ConstantSlope.apply(args[0], lambda x: func(x, *args[1:], **kwargs))
        if func in _CONVOLUTIONS:
            settings = _convolution_settings(_CONVOLUTIONS[func], *args, **kwargs)
            if settings is not None:
                return _Convolution.apply(*settings, self)
        return func(*args, **kwargs)


def _is_plain(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether a call maps one tensor to one new tensor."""
    flags = (kwargs.get("inplace"), kwargs.get("return_indices"), *args[1:])
    return bool(args) and args[0].requires_grad and not any(flag is True for flag in flags)


class _ReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, in_place: bool) -> Tensor:
        if in_place:
            ctx.mark_dirty(values)
        output = values.relu_() if in_place else values.relu()
        ctx.save_for_backward(output)
        return output

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (output,) = ctx.saved_tensors
        return torch.ops.aten.threshold_backward(gradient, output.detach(), 0), None


class _ConstantSlope(torch.autograd.Function):
    """A function of one tensor, computed again for its gradient, since it is cheap."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
        ctx.save_for_backward(values)
        ctx.function = function
        return function(values)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (values,) = ctx.saved_tensors
        with torch.enable_grad():
            point = values.detach().requires_grad_()
            output = ctx.function(point)
        differentiable = torch.is_grad_enabled()
        (below,) = transposed(output, point, gradient, create_graph=differentiable)
        return below, None


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, values: Tensor, weight: Tensor, bias: Tensor | None, window: Any, owner: Any
    ) -> Tensor:
        ctx.save_for_backward(values, weight)
        ctx.window, ctx.owner, ctx.has_bias = window, owner, bias is not None
        return torch.convolution(values, weight, bias, *window)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        values, weight = ctx.saved_tensors
        by_values = by_weight = by_bias = None
        if ctx.needs_input_grad[0]:
            by_values = _InputGradient.apply(gradient, weight, values.detach(), ctx.window)
        if not ctx.owner.by_inputs_only:
            if ctx.needs_input_grad[1]:
                by_weight = _weight_gradient(gradient, values, weight, ctx.window)
            if ctx.has_bias and ctx.needs_input_grad[2]:
                by_bias = gradient.sum((0, *range(2, gradient.ndim)))
        return by_values, by_weight, by_bias, None, None


class _InputGradient(torch.autograd.Function):
    """Gradient of a convolution by its input: bilinear in what comes from above and the weight."""

    @staticmethod
    def forward(ctx: Any, gradient: Tensor, weight: Tensor, like: Tensor, window: Any) -> Tensor:
        ctx.save_for_backward(gradient, weight)
        ctx.window = window
        return _convolution_backward(gradient, like, weight, window, [True, False, False])[0]

    @staticmethod
    def backward(ctx: Any, direction: Tensor) -> tuple[Tensor | None, ...]:
        gradient, weight = ctx.saved_tensors
        # <direction, convᵀ(gradient, w)> = <conv(direction, w), gradient>
        by_gradient = torch.convolution(direction, weight, None, *ctx.window)
        by_weight = None
        if ctx.needs_input_grad[1]:
            by_weight = _weight_gradient(gradient, direction, weight, ctx.window)
        return by_gradient, by_weight, None, None


def _weight_gradient(gradient: Tensor, values: Tensor, weight: Tensor, window: Any) -> Tensor:
    return _convolution_backward(gradient, values, weight, window, [False, True, False])[1]


def _convolution_backward(
    gradient: Tensor, values: Tensor, weight: Tensor, window: Any, mask: list[bool]
) -> tuple[Tensor, Tensor, Tensor]:
    found: tuple[Tensor, Tensor, Tensor] = torch.ops.aten.convolution_backward(
        gradient, values, weight, None, *window, mask
    )
    return found


def _convolution_settings(
    n_axes: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> tuple[Tensor, Tensor, Tensor | None, tuple[Any, ...]] | None:
    """Arguments of `torch.convolution`; None for a call that it does not make in this form."""
    if isinstance(padding, str) or input.ndim != n_axes + 2 or not input.requires_grad:
        return None

    def spread(number: Any) -> list[int]:
        numbers = [number] if isinstance(number, int) else list(number)
        return numbers * n_axes if len(numbers) == 1 else numbers

    window = (spread(stride), spread(padding), spread(dilation), False, [0] * n_axes, groups)
    return input, weight, bias, window
