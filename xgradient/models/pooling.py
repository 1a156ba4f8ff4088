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

# Pooled values that are compared at a time, window entry by window entry: on a processor a megabyte
# in float32, which its cache holds; on a GPU so many that starting a pass takes no time beside it.
_TOGETHER = {"cpu": 2**18, "cuda": 2**24}


def tie_tolerance(dtype: torch.dtype) -> float:
    """Return the relative difference below which two values count as equal.

    Parameters
    ----------
    dtype : torch.dtype
        Floating-point type of the values.

    Returns
    -------
    float
        In float32 and float64 eps to the power 2/3, that is 2e-5 and 4e-11: well above what
        rounding does to a sum, well below what differs in an image. In the half precisions 0.
    """
    eps = torch.finfo(dtype).eps
    # In half precision no tolerance lies between the two: eps**(2/3) is 1 % in float16 and 4 % in
    # bfloat16, and values that differ by one unit in the last place differ in the image, too. Nor
    # is one needed. Convolutions sum halves in float32 and round the sum once: what two code paths
    # make different in the last bits of float32 is equal once it is rounded, but for the rare sums
    # next to the middle between two halves.
    return eps ** (2 / 3) if eps <= torch.finfo(torch.float32).eps else 0.0


class MaxPool2d(nn.MaxPool2d):
    """Max pooling whose gradient goes to the first of values that are equal up to rounding.

    Its values are those of `nn.MaxPool2d`, and in training so are its gradients. In
    evaluation, the gradient of a window goes to its first entry, row by row, that reaches the
    maximum up to `tie_tolerance`: what `nn.MaxPool2d` does in exact arithmetic. Equality is
    relative, so that the choice does not depend on the scale of the input. In half precision only
    equal values are ties, and the gradients are those of `nn.MaxPool2d`. Gradients can be
    differentiated again.

    Parameters
    ----------
    kernel_size, stride, padding : int
        As in `nn.MaxPool2d`; the stride is the kernel size by default.
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
        routed = not self.training and torch.is_grad_enabled() and inputs.requires_grad
        if not routed or tie_tolerance(inputs.dtype) == 0:
            return super().forward(inputs)
        pooled = super().forward(inputs.detach())
        positions = self._first_maxima(inputs.detach(), pooled)
        pair = [2 * [size] for size in (self.kernel_size, self.stride, self.padding, 1)]
        return _Routed.apply(inputs, pooled, positions, (*pair, self.ceil_mode))

    def _first_maxima(self, inputs: torch.Tensor, pooled: torch.Tensor) -> torch.Tensor:
        """Return, for every window, the flat position in H × W of its first maximum."""
        kernel, stride, padding = self.kernel_size, self.stride, self.padding
        height, width = inputs.shape[-2:]
        rows, columns = pooled.shape[-2:]
        # Windows that reach over an edge, by padding or by ceil_mode, see -inf there, which
        # reaches no maximum.
        below = max(0, (rows - 1) * stride + kernel - height - padding)
        right = max(0, (columns - 1) * stride + kernel - width - padding)
        row = torch.arange(rows, device=inputs.device)[:, None] * stride - padding
        column = torch.arange(columns, device=inputs.device) * stride - padding
        inside = torch.arange(kernel, device=inputs.device)
        steps = (inside[:, None] * width + inside).flatten()
        positions = torch.empty_like(pooled, dtype=torch.int64)  # in the same memory layout
        together = _TOGETHER.get(inputs.device.type, _TOGETHER["cuda"])
        n_images = max(1, together // max(1, pooled[:1].numel()))
        for images, maxima, flat in zip(
            inputs.split(n_images), pooled.split(n_images), positions.split(n_images), strict=True
        ):
            padded = images
            if padding or below or right:
                padded = functional.pad(images, (padding, right, padding, below), value=-torch.inf)
            first = self._first_entries(padded, maxima)
            torch.add(steps[first.to(torch.int64)], row * width + column, out=flat)
        # A window that holds NaN reaches nothing: its corner may lie in the padding.
        return positions.clamp_(0, height * width - 1)

    def _first_entries(self, padded: torch.Tensor, maxima: torch.Tensor) -> torch.Tensor:
        """Return which entry of every window is the first maximum, counted row by row."""
        kernel, stride = self.kernel_size, self.stride
        rows, columns = maxima.shape[-2:]
        reached = maxima - tie_tolerance(maxima.dtype) * maxima.abs()
        # The first of the entries that reach the maximum has the largest rank. One byte each, and
        # operations that processors have for bytes, make the passes cheap.
        n_entries = kernel * kernel
        small = torch.uint8 if n_entries <= 255 else torch.int32
        largest = torch.zeros_like(maxima, dtype=small)
        reaches = torch.empty_like(maxima, dtype=torch.bool)
        for offset in range(n_entries):
            down, across = divmod(offset, kernel)
            entries = padded[
                ...,
                down : down + (rows - 1) * stride + 1 : stride,
                across : across + (columns - 1) * stride + 1 : stride,
            ]
            torch.ge(entries, reached, out=reaches)
            rank = reaches.to(small).mul_(n_entries - offset)
            torch.maximum(largest, rank, out=largest)
        return (n_entries - largest).remainder_(n_entries)


class _Routed(torch.autograd.Function):
    """The maxima, with the gradient of each going to a chosen entry of the input."""

    @staticmethod
    def forward(
        ctx: Any, inputs: torch.Tensor, pooled: torch.Tensor, chosen: torch.Tensor, window: Any
    ) -> torch.Tensor:
        ctx.save_for_backward(inputs, chosen)
        ctx.window = window
        return pooled.clone()

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None, None]:
        inputs, chosen = ctx.saved_tensors
        # PyTorch's own step back, which keeps the memory layout of the input.
        routed = torch.ops.aten.max_pool2d_with_indices_backward(
            gradient, inputs.detach(), *ctx.window, chosen
        )
        return routed, None, None, None
