"""Bootstrap intervals of means."""

from __future__ import annotations

import numpy as np
from scipy.stats import bootstrap

__all__ = ["bootstrap_interval"]

# Values that are resampled at a time: bounds the memory.
_BATCH = 10**7


def bootstrap_interval(
    values: np.ndarray, resamples: int, confidence: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Percentile bootstrap interval of the mean over the last axis.

    Percentiles are used instead of BCa, which divides by zero if all values are equal. Every
    resample draws the same observations for all leading axes, so that differences are paired.

    Parameters
    ----------
    values : numpy.ndarray of shape (..., n)
        n observations.
    resamples : int
        Number of bootstrap resamples.
    confidence : float
        Of the interval, between 0 and 1.
    seed : int
        Of the resamples.

    Returns
    -------
    low, high : numpy.ndarray of shape (...)
        Ends of the interval.

    References
    ----------
    Efron and Tibshirani (1993), "An Introduction to the Bootstrap", Sec. 13.3.
    """
    interval = bootstrap(
        (values,),
        np.mean,
        axis=-1,
        n_resamples=resamples,
        batch=max(1, _BATCH // values.size),
        confidence_level=confidence,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return interval.low, interval.high
