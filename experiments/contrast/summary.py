"""Top-1 accuracy against contrast."""

from __future__ import annotations

import pandas as pd

__all__ = ["summarise"]


def summarise(rows: pd.DataFrame) -> pd.DataFrame:
    """Summarise one net.

    Parameters
    ----------
    rows : pandas.DataFrame
        One row per factor and image: ``alpha``, and ``correct``, 0 or 1.

    Returns
    -------
    pandas.DataFrame
        One row per factor: ``alpha``, ``top1`` in percent, ``n_images``.
    """
    correct = rows.groupby("alpha", sort=False)["correct"].agg(["sum", "size"])
    return pd.DataFrame(
        {
            "alpha": correct.index,
            "top1": (100.0 * correct["sum"] / correct["size"]).to_numpy(),
            "n_images": correct["size"].to_numpy(),
        }
    )
