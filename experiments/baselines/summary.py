"""Means over the images of one net, by baseline."""

from __future__ import annotations

import numpy as np
import pandas as pd

from experiments.baselines.names import ZERO
from experiments.masking.summary import summarise as summarise_masking
from experiments.statistics import bootstrap_interval
from xgradient.masking import CURVES

__all__ = ["NORMALISATION", "summarise", "summarise_normalisations", "summarise_replacements"]

_DISTANCES = ["relative_percent", "cosine", "rank_correlation"]
_MEANS = [*_DISTANCES, "completeness_percent", "closed_form_percent"]
_CHANGES = ["KPM", "KNM", "KAM", "RAM"]
_LARGEST = ["identity_percent", "same_function_percent"]
_REPLACED = ["replacement", "baseline", "own", "KPM", "KPM_low", "KPM_high"]
_REPLACED += ["KNM", "KNM_low", "KNM_high", "n_images"]
NORMALISATION = ("baseline", *_LARGEST, *_DISTANCES, "top1", "n_images")
"""Columns of the summary of other normalisations."""


def summarise(rows: pd.DataFrame, resamples: int, confidence: float, seed: int) -> pd.DataFrame:
    """Summarise one net.

    Parameters
    ----------
    rows : pandas.DataFrame
        Columns as in `experiments.baselines.run.COLUMNS`.
    resamples : int
        Number of bootstrap resamples.
    confidence : float
        Of the intervals, between 0 and 1.
    seed : int
        Of the resamples.

    Returns
    -------
    pandas.DataFrame
        One row per baseline: ``baseline``; the means of ``relative_percent``, ``cosine``,
        ``rank_correlation``, ``completeness_percent`` and ``closed_form_percent``; then the ends
        ``NAME_low`` and ``NAME_high`` of intervals of the first three; then the masking metrics as
        `experiments.masking.summary.summarise` returns them, and the differences ``NAME_change``
        from zero of the four that the paper prints, with the intervals of paired differences.
    """
    metrics = rows[["image", "baseline", *CURVES]].rename(columns={"baseline": "method"})
    masking = summarise_masking(metrics, resamples, confidence, seed)
    groups = dict(list(rows.groupby("baseline", sort=False)))
    zero = groups[ZERO]
    table = []
    for baseline, own in groups.items():
        change = own[_CHANGES].to_numpy() - zero[_CHANGES].to_numpy()
        values = {name: own[name].to_numpy() for name in _DISTANCES} | {
            f"{name}_change": change[:, number] for number, name in enumerate(_CHANGES)
        }
        low, high = bootstrap_interval(np.stack([*values.values()]), resamples, confidence, seed)
        row = {"baseline": baseline, **own[_MEANS].mean()}
        for number, (name, of_images) in enumerate(values.items()):
            row |= {
                name: of_images.mean(),
                f"{name}_low": low[number],
                f"{name}_high": high[number],
            }
        table.append(row)
    return pd.DataFrame(table).merge(masking.rename(columns={"method": "baseline"}), on="baseline")


def summarise_replacements(
    rows: pd.DataFrame, resamples: int, confidence: float, seed: int
) -> pd.DataFrame:
    """Summarise the masking metrics of one net by what masked pixels are replaced by.

    Parameters
    ----------
    rows : pandas.DataFrame
        Columns as in `experiments.baselines.run.REPLACED`.
    resamples, confidence, seed
        See `summarise`.

    Returns
    -------
    pandas.DataFrame
        One row per replacement and baseline: ``replacement``, ``baseline``, ``own``, which is 1 if
        both are the same and 0 otherwise, ``KPM`` and ``KNM`` with the ends ``NAME_low`` and
        ``NAME_high`` of intervals, and ``n_images``.
    """
    tables = []
    for replacement, own in rows.groupby("replacement", sort=False):
        metrics = own.drop(columns="replacement").rename(columns={"baseline": "method"})
        found = summarise_masking(metrics, resamples, confidence, seed)
        found = found.rename(columns={"method": "baseline"})
        found.insert(0, "replacement", replacement)
        found.insert(2, "own", (found["baseline"] == replacement).astype(int))
        tables.append(found[_REPLACED])
    return pd.concat(tables, ignore_index=True)


def summarise_normalisations(rows: pd.DataFrame) -> pd.DataFrame:
    """Summarise what other normalisations make of one net.

    Parameters
    ----------
    rows : pandas.DataFrame
        Columns as in `experiments.baselines.normalisation.COLUMNS`.

    Returns
    -------
    pandas.DataFrame
        One row per baseline: ``baseline``; the largest ``identity_percent`` and
        ``same_function_percent``; the means of ``relative_percent``, ``cosine`` and
        ``rank_correlation``; ``top1`` in percent and ``n_images``.
    """
    groups = rows.groupby("baseline", sort=False)
    table = pd.concat([groups[_LARGEST].max(), groups[_DISTANCES].mean()], axis="columns")
    table["top1"] = 100 * groups["correct"].mean()
    table["n_images"] = groups.size()
    return table.reset_index()
