"""MARD by precision, from the relative differences of the batches."""

from __future__ import annotations

import pandas as pd

__all__ = ["summarise"]


def summarise(rows: pd.DataFrame) -> pd.DataFrame:
    """Summarise one net.

    Parameters
    ----------
    rows : pandas.DataFrame
        One row per precision and batch: ``dtype``, ``mantissa_bits``, ``relative_difference`` (a
        fraction) and ``n_images``.

    Returns
    -------
    pandas.DataFrame
        One row per precision: ``dtype``, ``mantissa_bits``, ``mard_percent``, ``n_images``.

    References
    ----------
    Hesse, Schaub-Meyer and Roth (2021), Sec. 4.1: the mean over the batches, in which a smaller
    last batch counts like the others.
    """
    by_precision = rows.groupby("dtype", sort=False)
    return pd.DataFrame(
        {
            "mantissa_bits": by_precision["mantissa_bits"].first(),
            "mard_percent": 100 * by_precision["relative_difference"].mean(),
            "n_images": by_precision["n_images"].sum(),
        }
    ).reset_index()
