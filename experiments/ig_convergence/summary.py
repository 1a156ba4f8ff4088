"""Error of IG by quadrature rule and number of steps."""

from __future__ import annotations

import pandas as pd

__all__ = ["summarise"]


def summarise(rows: pd.DataFrame) -> pd.DataFrame:
    """Summarise one net.

    Parameters
    ----------
    rows : pandas.DataFrame
        One row per reference (``reference``: ``steps`` or ``exact``), rule (``method``), number of
        steps (``n_steps``) and image: ``mean_abs_difference`` to the reference,
        ``mean_abs_reference``, and the gradients that the reference took
        (``reference_gradients``).

    Returns
    -------
    pandas.DataFrame
        One row per reference, rule and number of steps: means over the images, and
        ``relative_difference_percent``, which is a ratio of means.
    """
    groups = rows.groupby(["reference", "method", "n_steps"], sort=False)
    means = groups[["mean_abs_difference", "mean_abs_reference", "reference_gradients"]].mean()
    ratio = means["mean_abs_difference"] / means["mean_abs_reference"]
    return (
        means.drop(columns="mean_abs_reference")
        .assign(relative_difference_percent=100 * ratio, n_images=groups["image"].nunique())
        .reset_index()
    )
