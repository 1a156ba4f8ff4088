"""Areas per image, mean curves and a summary with intervals, from the scores of all shards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from experiments.statistics import bootstrap_interval
from xgradient.masking import CURVES, InsertionDeletion, MaskingCurves

__all__ = ["image_areas", "mean_curves", "merge_scores", "summarise"]

PERCENT = ("KAM", "RAM")
"""Curves of top-1 correctness; their areas are printed times 100, as in the paper."""


def merge_scores(
    shards: Sequence[Mapping[str, Tensor]],
) -> dict[str, tuple[MaskingCurves, InsertionDeletion | None]]:
    """Put the scores of all shards together, in their order; some may be empty.

    Returns
    -------
    dict
        By method: the masking curves, and insertion and deletion if they were measured.

    Raises
    ------
    ValueError
        If all are empty.
    """
    shards = [shard for shard in shards if shard]
    if not shards:
        raise ValueError("no shard holds any scores: there are no images to mask")
    first = shards[0]
    merged = {}
    for name in first:
        method, _, kind = name.partition("/")
        if kind != "target_logit":
            continue

        def whole(kind: str, method: str = method) -> Tensor:
            return torch.cat([shard[f"{method}/{kind}"] for shard in shards])

        curves = MaskingCurves(first["fractions"], whole("target_logit"), whole("correct"))
        addition = None
        if f"{method}/insertion" in first:
            addition = InsertionDeletion(
                first["insertion_fractions"], whole("insertion"), whole("deletion")
            )
        merged[method] = (curves, addition)
    return merged


def image_areas(
    merged: Mapping[str, tuple[MaskingCurves, InsertionDeletion | None]], images: Sequence[int]
) -> pd.DataFrame:
    """Return the area under every curve of every image.

    Parameters
    ----------
    merged : mapping
        As `merge_scores` returns it.
    images : sequence of int
        Indices of the images in the test set.

    Returns
    -------
    pandas.DataFrame
        ``method``, ``image`` (index in the test set), the six curves (KAM and RAM in percent) and,
        if they were measured, ``insertion`` and ``deletion``.
    """
    frames = []
    for method, (curves, addition) in merged.items():
        areas = {
            name: (100 if name in PERCENT else 1) * area for name, area in curves.areas().items()
        }
        if addition is not None:
            areas |= addition.areas()
        frame = pd.DataFrame({name: area.numpy() for name, area in areas.items()})
        frame.insert(0, "method", method)
        frame.insert(1, "image", list(images))
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def mean_curves(
    merged: Mapping[str, tuple[MaskingCurves, InsertionDeletion | None]],
) -> pd.DataFrame:
    """Return the mean score over the images per method, curve and fraction.

    Returns
    -------
    pandas.DataFrame
        ``method``, ``curve``, ``fraction`` and ``score``: a logit, a top-1 accuracy in percent
        (KAM, RAM) or a probability (insertion, deletion).
    """
    rows = []
    for method, (curves, addition) in merged.items():
        scores = {
            name: (curves.fractions, (100 if name in PERCENT else 1) * curves.score(name))
            for name in CURVES
        }
        if addition is not None:
            scores["insertion"] = (addition.fractions, addition.insertion.double())
            scores["deletion"] = (addition.fractions, addition.deletion.double())
        for curve, (fractions, score) in scores.items():
            for fraction, mean in zip(fractions.tolist(), score.mean(0).tolist(), strict=True):
                rows.append({"method": method, "curve": curve, "fraction": fraction, "score": mean})
    return pd.DataFrame(rows)


def summarise(areas: pd.DataFrame, resamples: int, confidence: float, seed: int) -> pd.DataFrame:
    """Return the mean area per method, with a bootstrap interval over the images.

    Every resample draws the same images for all methods and metrics.

    Parameters
    ----------
    areas : pandas.DataFrame
        As `image_areas` returns it.
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
