"""A convolution net on the vectors of words (Kim 2014, with fixed vectors)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from xgradient.models.pooling import tie_tolerance

__all__ = ["MaxOverTime", "SentenceConvNet"]


class MaxOverTime(nn.AdaptiveMaxPool1d):
    """The largest value over all positions, whose gradient rounding does not place.

    Words that a sentence repeats give the same sums at several positions, equal but perhaps for the
    last bit. As in `xgradient.models.pooling`, the gradient goes to the first of values that are
    equal up to rounding, so that it is the same all along the path from zero.
    """

    def __init__(self) -> None:
        super().__init__(1)

    def forward(self, values: Tensor) -> Tensor:
        """Map (N, C, L) to (N, C, 1)."""
        if self.training or not (torch.is_grad_enabled() and values.requires_grad):
            largest: Tensor = super().forward(values)
            return largest
        known = values.detach()
        largest = known.amax(-1, keepdim=True)
        reaches = known >= largest - tie_tolerance(known.dtype) * largest.abs()
        # Of equal entries argmax takes the first.
        return values.gather(-1, reaches.to(torch.uint8).argmax(-1, keepdim=True))


class SentenceConvNet(nn.Module):
    """Convolutions of several widths, ReLU, the maximum over time, dropout, a linear layer.

    Without biases it is an X-DNN, and its logits do not depend on how far a sentence is padded.

    Parameters
    ----------
    dimensions : int
        Length D of the vectors.
    num_classes : int
        Logits.
    bias : bool
        Whether convolutions and linear layer have biases.
    filters : int
        Filters of every width.
    widths : sequence of int
        Words that a filter sees at a time. Sentences are padded with zeros, so that every word is
        seen at every place of a filter.
    dropout : float
        Share of the maxima that are dropped in training.
    """

    def __init__(
        self,
        dimensions: int,
        num_classes: int,
        bias: bool = True,
        filters: int = 100,
        widths: Sequence[int] = (3, 4, 5),
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(
                nn.Conv1d(dimensions, filters, width, padding=width - 1, bias=bias),
                nn.ReLU(),
                MaxOverTime(),
                nn.Flatten(),
            )
            for width in widths
        )
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(filters * len(widths), num_classes, bias=bias)

    def forward(self, vectors: Tensor) -> Tensor:
        """Map vectors of words (N, D, L) to logits (N, num_classes)."""
        maxima = torch.cat([branch(vectors) for branch in self.branches], dim=1)
        logits: Tensor = self.linear(self.dropout(maxima))
        return logits
