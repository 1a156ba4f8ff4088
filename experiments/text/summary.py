"""Accuracy of one net and differences of its attributions, over sentences."""

from __future__ import annotations

import pandas as pd

__all__ = ["summarise"]


def summarise(
    predictions: pd.DataFrame, rows: pd.DataFrame, exact: pd.DataFrame
) -> dict[str, float]:
    """Summarise one net.

    Parameters
    ----------
    predictions, rows, exact : pandas.DataFrame
        Columns as in `experiments.text.run.PREDICTED`, `COLUMNS` and `EXACT`; the last may have no
        rows.

    Returns
    -------
    dict
        ``top1``, percent of all ``n_test`` test sentences; ``unknown_percent`` of their words. Of
        the ``n_sentences`` that are attributed the mean ``difference_percent`` and
        ``word_difference_percent``, and the largest ``difference_max_percent``,
        ``ig_sum_percent`` and ``product_sum_percent``. Of the ``n_exact`` with the exact integral
        the mean number of ``pieces``, the largest ``exact_sum_percent`` and the mean
        ``quadrature_percent``; NaN if there are none.
    """
    return {
        "top1": 100 * (predictions["label"] == predictions["predicted"]).mean(),
        "n_test": len(predictions),
        "unknown_percent": 100 * predictions["unknown"].sum() / predictions["words"].sum(),
        "difference_percent": rows["difference_percent"].mean(),
        "word_difference_percent": rows["word_difference_percent"].mean(),
        "difference_max_percent": rows["difference_percent"].max(),
        "ig_sum_percent": rows["ig_sum_percent"].max(),
        "product_sum_percent": rows["product_sum_percent"].max(),
        "n_sentences": len(rows),
        "pieces": exact["pieces"].mean(),
        "exact_sum_percent": exact["exact_sum_percent"].max(),
        "quadrature_percent": exact["quadrature_percent"].mean(),
        "n_exact": len(exact),
    }
