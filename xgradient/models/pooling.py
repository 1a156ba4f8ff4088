"""Max pooling in which rounding does not choose between equal values.

On flat image regions (the background of Fashion-MNIST, a white sky) the windows of a max pooling
hold values that are equal in exact arithmetic. PyTorch hands the gradient to the first of equal
values; but the same sum, computed at two positions by two code paths of a convolution, may differ
in its last bit, and then the last bit chooses. Which one it favours changes with the scale of the
input, so Integrated Gradients averages over choices where X-Gradient makes one, and two
attributions that are equal in theory differ by up to percents on single images, in float64 as in
float32.
"""

from __future__ import annotations

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
    """Max pooling that takes the first of values that are equal up to rounding.

    In training it is `torch.nn.MaxPool2d`. In evaluation, a window returns its first entry, row by
    row, that reaches the maximum up to `tie_tolerance`, and the gradient goes to that entry: what
    `torch.nn.MaxPool2d` does in exact arithmetic. Equality is relative, so the module is as
    homogeneous as it is without. Parameters are those of `torch.nn.MaxPool2d`, without dilation.

    Raises
    ------
    ValueError
        If a dilation is asked for.
    """

    def __init__(
        self, kernel_size: int, stride: int | None = None, padding: int = 0, ceil_mode: bool = False
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode=ceil_mode)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Map (N, C, H, W) to the pooled (N, C, H', W')."""
        pooled = super().forward(inputs)
        if self.training:
            return pooled
        chosen = self._first_maxima(inputs.detach(), pooled.detach())
        return inputs.flatten(2).gather(2, chosen.flatten(2)).view_as(pooled)

    def _first_maxima(self, inputs: torch.Tensor, pooled: torch.Tensor) -> torch.Tensor:
        """Return, for every window, the flat position in H × W of its first maximum."""
        kernel, stride, padding = self.kernel_size, self.stride, self.padding
        height, width = inputs.shape[-2:]
        rows, columns = pooled.shape[-2:]
        # Windows that reach over an edge, by padding or by ceil_mode, see -inf there, which
        # reaches no maximum.
        below = max(0, (rows - 1) * stride + kernel - height - padding)
        right = max(0, (columns - 1) * stride + kernel - width - padding)
        padded = functional.pad(inputs, (padding, right, padding, below), value=-torch.inf)
        reached = pooled - tie_tolerance(pooled.dtype) * pooled.abs()
        top = torch.arange(rows, device=inputs.device) * stride - padding
        left = torch.arange(columns, device=inputs.device) * stride - padding
        corner = top[:, None] * width + left
        chosen = corner.expand(pooled.shape)
        # Backwards, so that the first one is written last.
        for offset in reversed(range(kernel * kernel)):
            down, across = divmod(offset, kernel)
            entries = padded[
                ...,
                down : down + (rows - 1) * stride + 1 : stride,
                across : across + (columns - 1) * stride + 1 : stride,
            ]
            first = (entries >= reached) | entries.isnan()
            chosen = torch.where(first, corner + down * width + across, chosen)
        return chosen
