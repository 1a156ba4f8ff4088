"""Area under the ROC curve of many score vectors at once."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["roc_auc"]


def roc_auc(scores: Tensor, labels: Tensor) -> Tensor:
    """Probability that a positive scores above a negative, ties counting one half.

    It is counted in integers, so that equal orderings give equal areas to the last bit. (The
    trapezoid rule in floating point, as in scikit-learn, can give different areas.)

    Parameters
    ----------
    scores : Tensor of shape (..., N), floating point
        Higher means more positive.
    labels : Tensor of shape (..., N) or (N,)
        1 for positive, 0 for negative.

    Returns
    -------
    Tensor of shape (...), float64
        Area under the curve.

    Raises
    ------
    ValueError
        If a score is nan, the shapes do not fit, a label is neither 0 nor 1, or a vector has a
        single class; the message says which vector.

    References
    ----------
    Hanley and McNeil (1982), "The meaning and use of the area under a receiver operating
    characteristic (ROC) curve".
    """
    if scores.ndim == 0 or labels.ndim == 0 or scores.shape[-1] != labels.shape[-1]:
        raise ValueError(
            f"scores {tuple(scores.shape)} and labels {tuple(labels.shape)} do not fit together"
        )
    labels = labels.expand(scores.shape)
    if bool(((labels != 0) & (labels != 1)).any()):
        raise ValueError("labels must be 0 or 1")
    if bool(scores.isnan().any()):
        raise ValueError(f"scores contain nan{_where(scores.isnan().any(-1))}")
    positives = labels.sum(-1)
    single = (positives == 0) | (positives == labels.shape[-1])
    if bool(single.any()):
        raise ValueError(f"the ROC curve needs both classes{_where(single)}")
    return RankAUC(labels)(scores)


class RankAUC:
    """`roc_auc` for fixed labels and changing scores, without checks.

    Parameters
    ----------
    labels : Tensor of shape (..., N)
        0 or 1, both present in every vector.
    """

    def __init__(self, labels: Tensor) -> None:
        self._positive = labels.to(torch.int64)
        n_positive = self._positive.sum(-1)
        # Among themselves the positives count n_positive ** 2, whatever their order.
        self._among_positives = n_positive**2
        self._twice_pairs = (2 * n_positive * (labels.shape[-1] - n_positive)).double()

    def __call__(self, scores: Tensor) -> Tensor:
        """Area under the curve.

        Parameters
        ----------
        scores : Tensor of shape (..., N), floating point
            Without nan, for which the result is undefined.

        Returns
        -------
        Tensor of shape (...), float64
            Area.
        """
        scores = scores.contiguous()
        ordered = scores.sort(-1).values
        # Twice the mid-rank less one: every smaller element counts 2 and every equal one 1, the
        # element itself included.
        ranks = torch.searchsorted(ordered, scores)
        ranks += torch.searchsorted(ordered, scores, right=True)
        twice_wins = (ranks * self._positive).sum(-1) - self._among_positives
        return twice_wins / self._twice_pairs


def _where(bad: Tensor) -> str:
    """Index of the first bad vector, for a message; nothing if there is a single vector."""
    return f" (vector {tuple(bad.nonzero()[0].tolist())})" if bad.ndim else ""
