"""Area under a curve of scores."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def area_under_curve(scores: Tensor, fractions: Tensor | Sequence[float]) -> Tensor:
    """Area under scores by the trapezoid rule on a linear axis.

    The published fractions run from 0.01 to 1, so the area under a constant score is 0.99 of it.

    Parameters
    ----------
    scores : Tensor of shape (..., F)
        Scores, of any type.
    fractions : Tensor of shape (F,) or sequence of float
        Increasing abscissae.

    Returns
    -------
    Tensor of shape (...), float64
        Area.

    Raises
    ------
    ValueError
        If the last axis of `scores` is not as long as `fractions`.
    """
    abscissae = torch.as_tensor(fractions, dtype=torch.float64, device=scores.device)
    if abscissae.ndim != 1 or scores.shape[-1:] != abscissae.shape:
        raise ValueError(
            f"fractions must be one for each entry of the last axis of scores of shape "
            f"{tuple(scores.shape)}, got {tuple(abscissae.shape)}"
        )
    return torch.trapezoid(scores.double(), abscissae, dim=-1)
