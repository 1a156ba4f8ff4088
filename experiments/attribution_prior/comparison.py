"""Choice of the strength of a prior, and comparison of two methods on the same repetitions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from experiments.statistics import bootstrap_interval

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


def select_strength(validation_auc: np.ndarray) -> int:
    """Index of the strength with the best mean validation ROC-AUC over the repetitions.

    Parameters
    ----------
    validation_auc : numpy.ndarray of shape (L, R)
        At the selected epoch, for L strengths and R repetitions.

    Returns
    -------
    int
        Index of the strength; the first one of equals.

    Raises
    ------
    ValueError
        If the shape is wrong or a value is nan.

    References
    ----------
    Hesse et al. (2021), Sec. 4.3.
    """
    validation_auc = np.asarray(validation_auc, np.float64)
    if validation_auc.ndim != 2 or validation_auc.size == 0:
        raise ValueError(
            f"validation AUCs must have shape (strengths, repetitions), got {validation_auc.shape}"
        )
    if np.isnan(validation_auc).any():
        strength, repetition = np.argwhere(np.isnan(validation_auc))[0].tolist()
        raise ValueError(
            f"the validation AUC of strength {strength} and repetition {repetition} (counted from "
            "0) is nan"
        )
    return int(validation_auc.mean(1).argmax())


def paired_difference(
    first: np.ndarray,
    second: np.ndarray,
    resamples: int = 10_000,
    confidence: float = 0.95,
    seed: int = 0,
) -> PairedDifference:
    """Mean of ``first - second`` with a percentile bootstrap interval over the repetitions.

    The repetitions share their data splits and their initial networks, so that differences within
    a repetition vary less than the two methods do.

    Parameters
    ----------
    first, second : numpy.ndarray of shape (R,)
        A quantity of two methods, such as the test ROC-AUC, for the same repetitions in the same
        order.
    resamples : int, default 10000
        Bootstrap samples.
    confidence : float, default 0.95
        Level of the interval.
    seed : int, default 0
        Of the resampling.

    Returns
    -------
    PairedDifference
        Mean and interval.

    Raises
    ------
    ValueError
        If the vectors do not match, a value is not finite, or a setting is invalid.
    """
    first, second = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if first.ndim != 1 or first.shape != second.shape or len(first) < 2:
        raise ValueError(
            "the vectors must be over the same two or more repetitions, got shapes "
            f"{first.shape} and {second.shape}"
        )
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, got {confidence!r}")
    if resamples < 1:
        raise ValueError(f"resamples must be at least 1, got {resamples!r}")
    differences = first - second
    if not np.isfinite(differences).all():
        raise ValueError("a difference of two repetitions is not finite")
    low, high = bootstrap_interval(differences, resamples, confidence, seed)
    return PairedDifference(float(differences.mean()), float(low), float(high), confidence)
