"""Choice of the strength of a prior, and comparison of two methods on the same repetitions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["PairedDifference", "paired_difference", "select_strength"]


@dataclass(frozen=True)
class PairedDifference:
    """Mean difference of two methods with a bootstrap interval.

    Parameters
    ----------
    mean : float
        Mean over the repetitions.
    low, high : float
        Ends of the interval.
    confidence : float
        Its level.
    """

    mean: float
    low: float
    high: float
    confidence: float


def select_strength(validation_auc: Tensor) -> int:
    """Index of the strength with the best mean validation ROC-AUC over the repetitions.

    Parameters
    ----------
    validation_auc : Tensor of shape (L, R)
        Of the chosen epoch, for L strengths and R repetitions.

    Returns
    -------
    int
        Index of the strength; the first one of equals.

    Raises
    ------
    ValueError
        If the shape is another one or a value is nan.

    References
    ----------
    Hesse et al. (2021), Sec. 4.3.
    """
    if validation_auc.ndim != 2 or validation_auc.numel() == 0:
        raise ValueError(
            f"validation AUCs (strengths, repetitions) are expected, not of shape "
            f"{tuple(validation_auc.shape)}"
        )
    if bool(validation_auc.isnan().any()):
        strength, repetition = validation_auc.isnan().nonzero()[0].tolist()
        raise ValueError(
            f"the validation AUC of strength {strength} and repetition {repetition} (counted from "
            "0) is nan"
        )
    means = validation_auc.double().mean(1).tolist()
    return means.index(max(means))


def paired_difference(
    first: Tensor,
    second: Tensor,
    generator: torch.Generator,
    confidence: float = 0.95,
    n_resamples: int = 10_000,
) -> PairedDifference:
    """Mean of ``first - second`` with a percentile bootstrap interval over the repetitions.

    The repetitions share their data splits and their initial networks, so that differences within
    a repetition vary less than the two methods do.

    Parameters
    ----------
    first, second : Tensor of shape (R,)
        A quantity of two methods, such as the test ROC-AUC, for the same repetitions in the same
        order.
    generator : torch.Generator
        For the resampling; on the CPU.
    confidence : float, default 0.95
        Level of the interval.
    n_resamples : int, default 10000
        Bootstrap samples.

    Returns
    -------
    PairedDifference
        Mean and interval.

    Raises
    ------
    ValueError
        If the tensors do not match, a value is not finite, or a setting is impossible.

    References
    ----------
    Efron and Tibshirani (1993), "An Introduction to the Bootstrap", Sec. 13.3.
    """
    if first.ndim != 1 or first.shape != second.shape or len(first) < 2:
        raise ValueError(
            "two vectors over the same two or more repetitions are expected, not shapes "
            f"{tuple(first.shape)} and {tuple(second.shape)}"
        )
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, not {confidence!r}")
    if n_resamples < 1:
        raise ValueError(f"n_resamples must be at least 1, not {n_resamples!r}")
    differences = first.double().cpu() - second.double().cpu()
    if not bool(differences.isfinite().all()):
        raise ValueError("a difference of two repetitions is not finite")
    drawn = torch.randint(len(differences), (n_resamples, len(differences)), generator=generator)
    means = differences[drawn].mean(1)
    tail = (1 - confidence) / 2
    low, high = torch.quantile(means, torch.tensor([tail, 1 - tail], dtype=means.dtype)).tolist()
    return PairedDifference(float(differences.mean()), low, high, confidence)
