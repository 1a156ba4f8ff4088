"""The summary of the masking metrics: means over the images, with intervals.

Apart from the areas that it is made from, which must not be computed again for other intervals.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from experiments.statistics import bootstrap_interval

__all__ = ["summarise"]


def summarise(areas: pd.DataFrame, resamples: int, confidence: float, seed: int) -> pd.DataFrame:
    """Return the mean area per method, with a bootstrap interval over the images.

    Every resample draws the same images for all methods and metrics.

    Parameters
    ----------
    areas : pandas.DataFrame
        As `experiments.masking.merging.image_areas` returns it.
    resamples : int
        Number of bootstrap resamples.
    confidence : float
        Of the interval, between 0 and 1.
    seed : int
        Of the resamples.

    Returns
    -------
    pandas.DataFrame
        One row per method: ``method``, the paper's four metrics and the two that it does not print,
        ``n_images``, then ``insertion`` and ``deletion`` if they were measured, then ``NAME_low``
        and ``NAME_high`` of each.
    """
    paper = ["KPM", "KNM", "KAM", "RAM", "RPM", "RNM"]
    additions = [name for name in ("insertion", "deletion") if name in areas]
    names = paper + additions
    methods = list(dict.fromkeys(areas["method"]))
    # (methods, metrics, images)
    values = np.stack([areas.loc[areas["method"] == m, names].to_numpy().T for m in methods])
    low, high = bootstrap_interval(values, resamples, confidence, seed)
    summary = pd.DataFrame(values.mean(-1), columns=names)
    summary.insert(0, "method", methods)
    summary.insert(1 + len(paper), "n_images", values.shape[-1])
    for column, name in enumerate(names):
        summary[f"{name}_low"] = low[:, column]
        summary[f"{name}_high"] = high[:, column]
    return summary
