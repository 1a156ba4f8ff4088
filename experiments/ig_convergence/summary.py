"""Error of IG by quadrature rule and number of steps."""

from __future__ import annotations

import pandas as pd

__all__ = ["summarise"]


def summarise(rows: pd.DataFrame) -> pd.DataFrame:
    """Summarise one net.

    Parameters
    ----------
    rows : pandas.DataFrame
        One row per rule (``method``), number of steps (``n_steps``) and image:
        ``mean_abs_difference`` to the reference, and ``mean_abs_reference``.

    Returns
    -------
    pandas.DataFrame
        One row per rule and number of steps: means over the images, and
        ``relative_difference_percent``, which is a ratio of means.
    """
    means = rows.groupby(["method", "n_steps"], sort=False).mean()
    table = means[["mean_abs_difference"]].reset_index()
    ratio = means["mean_abs_difference"] / means["mean_abs_reference"]
    return table.assign(
        relative_difference_percent=100 * ratio.to_numpy(), n_images=rows["image"].nunique()
    )
