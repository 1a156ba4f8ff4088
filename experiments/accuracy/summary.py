"""Top-1 and top-5 accuracy, from the ranks of the true classes."""

from __future__ import annotations

import pandas as pd

__all__ = ["summarise"]


def summarise(rows: pd.DataFrame) -> pd.DataFrame:
    """Summarise one net.

    Parameters
    ----------
    rows : pandas.DataFrame
        One row per image, with ``rank``, the number of classes before the true one.

    Returns
    -------
    pandas.DataFrame
        One row: ``top1`` and ``top5`` in percent, ``n_images``.
    """
    share = {f"top{k}": 100.0 * (rows["rank"] < k).sum() / len(rows) for k in (1, 5)}
    return pd.DataFrame([{**share, "n_images": len(rows)}])
