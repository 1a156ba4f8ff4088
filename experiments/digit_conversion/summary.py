"""Tables of the digit conversion from the scores of single images."""

from __future__ import annotations

import pandas as pd

__all__ = ["summarise", "top_ten"]


def summarise(conversions: pd.DataFrame, accuracy: pd.DataFrame) -> pd.DataFrame:
    """Summarise the scores per weights, task, method and erasing rule.

    Parameters
    ----------
    conversions : pandas.DataFrame
        The result of `convert`, with a column ``weights``.
    accuracy : pandas.DataFrame
        ``weights``, ``network`` and ``top1``, the test accuracy in percent.

    Returns
    -------
    pandas.DataFrame
        ``weights``, ``task``, ``method``, ``n`` (images), ``median``, ``q1``, ``q3`` and ``mean``
        of the score, ``flipped_percent``, ``mean_pixels_erased``, ``erasing``, ``network`` and
        ``test_top1``, in the order of the conversions.
    """
    keys = ["weights", "task", "method", "erasing", "network"]
    groups = conversions.groupby(keys, sort=False)
    summary = groups.agg(
        n=("score", "size"),
        median=("score", "median"),
        q1=("score", lambda score: score.quantile(0.25)),
        q3=("score", lambda score: score.quantile(0.75)),
        mean=("score", "mean"),
        flipped_percent=("flipped", lambda flipped: 100 * flipped.mean()),
        mean_pixels_erased=("n_erased", "mean"),
    ).reset_index()
    summary = summary.merge(
        accuracy[["weights", "network", "top1"]].rename(columns={"top1": "test_top1"}),
        on=["weights", "network"],
        how="left",
    )
    last = ["erasing", "network", "test_top1"]
    return summary[[name for name in summary if name not in last] + last]


def top_ten(conversions: pd.DataFrame) -> pd.DataFrame:
    """Name the ten images with the highest scores by the published erasing rule, in order.

    Parameters
    ----------
    conversions : pandas.DataFrame
        The result of `convert`, with a column ``weights``.

    Returns
    -------
    pandas.DataFrame
        ``weights``, ``task``, ``method`` and ``top10_indices``: indices among the test images, the
        highest score first, separated by spaces; of equal scores the first image.
    """
    rows = []
    published = conversions[conversions["erasing"] == "published"]
    for names, group in published.groupby(["weights", "task", "method"], sort=False):
        best = group.sort_values("score", ascending=False, kind="stable").head(10)
        indices = " ".join(str(image) for image in best["image"])
        rows.append(dict(zip(("weights", "task", "method"), names, strict=True)))
        rows[-1]["top10_indices"] = indices
    return pd.DataFrame(rows)
