"""Max pooling in which rounding does not choose where a gradient goes.

On flat image regions (the background of Fashion-MNIST, a white sky) the windows of a max pooling
hold values that are equal in exact arithmetic. PyTorch hands the gradient to the first of equal
values; but the same sum, computed at two positions by two code paths of a convolution, may differ
in its last bit, and then the last bit chooses. Which one it favours changes with the scale of the
input, so Integrated Gradients averages over choices where X-Gradient makes one, and two
attributions that are equal in theory differ by up to a few percent on single images, in float64
as in float32.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

__all__ = ["MaxPool2d", "tie_tolerance"]


def tie_tolerance(dtype: torch.dtype) -> float:
    """Return the relative difference below which two values count as equal: eps to the power 2/3.

    That is 4e-11 in float64 and 2e-5 in float32: well above what rounding does to a sum, well
    below what differs in an image.
    """
    return torch.finfo(dtype).eps ** (2 / 3)


class MaxPool2d(nn.MaxPool2d):
    """Max pooling whose gradient goes to the first of values that are equal up to rounding.

    Its values are those of `torch.nn.MaxPool2d`, and in training so are its gradients. In
    evaluation, the gradient of a window goes to its first entry, row by row, that reaches the
    maximum up to `tie_tolerance`: what `torch.nn.MaxPool2d` does in exact arithmetic. Equality is
    relative, so that the choice does not depend on the scale of the input.

    Parameters
    ----------
    kernel_size, stride, padding : int
        As in `torch.nn.MaxPool2d`; the stride is the kernel size by default.
    ceil_mode : bool
        Round the size of the output up instead of down.
    """

    kernel_size: int
    stride: int
    padding: int

    def __init__(
        self, kernel_size: int, stride: int | None = None, padding: int = 0, ceil_mode: bool = False
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode=ceil_mode)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Map (N, C, H, W) to the pooled (N, C, H', W')."""
        if self.training or not (torch.is_grad_enabled() and inputs.requires_grad):
            return super().forward(inputs)
        pooled = super().forward(inputs.detach())
        return _Routed.apply(inputs, pooled, self._first_maxima(inputs.detach(), pooled))

    def _first_maxima(self, inputs: torch.Tensor, pooled: torch.Tensor) -> torch.Tensor:
        """Return, for every window, the flat position in H × W of its first maximum."""
        kernel, stride, padding = self.kernel_size, self.stride, self.padding
        height, width = inputs.shape[-2:]
        rows, columns = pooled.shape[-2:]
        # Windows that reach over an edge, by padding or by ceil_mode, see -inf there, which
        # reaches no maximum.
        below = max(0, (rows - 1) * stride + kernel - height - padding)
        right = max(0, (columns - 1) * stride + kernel - width - padding)
        padded = inputs
        if padding or below or right:
            padded = functional.pad(inputs, (padding, right, padding, below), value=-torch.inf)
        reached = pooled - tie_tolerance(pooled.dtype) * pooled.abs()
        # Which entry of the window, counted row by row; two bytes each make the passes cheap.
        first = torch.zeros_like(pooled, dtype=torch.int16)  # in the same memory layout
        for offset in reversed(range(kernel * kernel)):  # backwards: the first is written last
            down, across = divmod(offset, kernel)
            entries = padded[
                ...,
                down : down + (rows - 1) * stride + 1 : stride,
                across : across + (columns - 1) * stride + 1 : stride,
            ]
            first.masked_fill_(entries >= reached, offset)
        row = torch.arange(rows, device=inputs.device)[:, None] * stride - padding
        column = torch.arange(columns, device=inputs.device) * stride - padding
        inside = torch.arange(kernel, device=inputs.device)
        steps = (inside[:, None] * width + inside).flatten()
        flat = steps[first.to(torch.int64)] + (row * width + column)
        # A window that holds NaN reaches nothing: its corner may lie in the padding.
        return flat.clamp_(0, height * width - 1)


class _Routed(torch.autograd.Function):
    """The maxima, with the gradient of each going to a chosen entry of the input."""

    @staticmethod
    def forward(
        ctx: Any, inputs: torch.Tensor, pooled: torch.Tensor, chosen: torch.Tensor
    ) -> torch.Tensor:
        ctx.save_for_backward(chosen)
        ctx.shape = inputs.shape
        return pooled.clone()

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        (chosen,) = ctx.saved_tensors
        flat = gradient.new_zeros(*ctx.shape[:2], ctx.shape[2] * ctx.shape[3])
        flat = flat.scatter_add(2, chosen.flatten(2), gradient.flatten(2))
        return flat.view(ctx.shape), None, None
