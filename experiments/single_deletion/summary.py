"""Mean single deletion scores, with intervals over the images."""

from __future__ import annotations

import pandas as pd

from experiments.statistics import bootstrap_interval

__all__ = ["summarise"]


def summarise(rows: pd.DataFrame, resamples: int, confidence: float, seed: int) -> pd.DataFrame:
    """Summarise one net.

    Parameters
    ----------
    rows : pandas.DataFrame
        Columns as in `experiments.single_deletion.run.COLUMNS`.
    resamples : int
        Number of bootstrap resamples.
    confidence : float
        Of the intervals, between 0 and 1.
    seed : int
        Of the resamples.

    Returns
    -------
    pandas.DataFrame
        One row per domain and method: ``domain``, ``method``, ``score``, ``score_low`` and
        ``score_high``, ``n_images`` with a score, ``n_undefined`` without one. What no image, or
        for an interval only one image, decides is missing.
    """
    table = []
    for (domain, method), own in rows.groupby(["domain", "method"], sort=False):
        scores = own.loc[own["defined"] == 1, "score"].to_numpy()
        low = high = float("nan")
        if len(scores) > 1:
            ends = bootstrap_interval(scores[None, None], resamples, confidence, seed)
            low, high = (float(end[0, 0]) for end in ends)
        table.append(
            {
                "domain": domain,
                "method": method,
                "score": scores.mean() if len(scores) else float("nan"),
                "score_low": low,
                "score_high": high,
                "n_images": len(scores),
                "n_undefined": len(own) - len(scores),
            }
        )
    return pd.DataFrame(table)
