"""The transpose of a derivative, applied to given values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def transposed(
    output: Tensor, points: Tensor | Sequence[Tensor], values: Tensor, **options: Any
) -> tuple[Tensor, ...]:
    """Apply the transposed derivative of the output in the points to values shaped like the output.

    To the last bit ``torch.autograd.grad(output, points, values)``, whose first call imports the
    symbolic algebra of torch: as much time as a hundred gradients of a small net.

    Parameters
    ----------
    output : Tensor of any shape
        Computed from the points.
    points : Tensor or sequence of Tensor
        Where the derivative is taken.
    values : Tensor, shaped like the output
        What is passed back.
    **options
        Of ``torch.autograd.grad``.

    Returns
    -------
    tuple of Tensor
        Shaped like the points.
    """
    with torch.enable_grad():
        total = (output * values).sum()
    return torch.autograd.grad(total, points, **options)
