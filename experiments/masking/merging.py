"""Areas per image and mean curves, from the scores of all shards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import torch
from torch import Tensor

from xgradient.masking import CURVES, InsertionDeletion, MaskingCurves

__all__ = ["image_areas", "mean_curves", "merge_scores"]

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
