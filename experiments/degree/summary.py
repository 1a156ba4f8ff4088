"""Differences of one net of higher degree, over its images."""

from __future__ import annotations

import pandas as pd

__all__ = ["summarise"]


def summarise(rows: pd.DataFrame, degree: int) -> dict[str, float]:
    """Summarise one net.

    Parameters
    ----------
    rows : pandas.DataFrame
        Columns as in `experiments.degree.run.COLUMNS`.
    degree : int
        Degree k of the net.

    Returns
    -------
    dict
        ``degree``; ``degree_error``, the largest distance of an estimate; ``top1`` in percent of
        these images; the largest ``closed_form_percent`` and ``sum_percent``; the mean
        ``input_x_gradient_percent``, and ``excess_percent``, by how much it differs at most from
        100 (k - 1); ``n_images``.
    """
    product = rows["input_x_gradient_percent"]
    return {
        "degree": degree,
        "degree_error": (rows["degree_estimated"] - degree).abs().max(),
        "top1": 100 * rows["correct"].mean(),
        "closed_form_percent": rows["closed_form_percent"].max(),
        "sum_percent": rows["sum_percent"].max(),
        "input_x_gradient_percent": product.mean(),
        "excess_percent": (product - 100 * (degree - 1)).abs().max(),
        "n_images": len(rows),
    }
