"""What a denoiser does at every size of the noise, over its images and pixels."""

from __future__ import annotations

import pandas as pd

__all__ = ["summarise"]


def summarise(restored: pd.DataFrame, filters: pd.DataFrame, trained_up_to: float) -> pd.DataFrame:
    """Summarise one net.

    Parameters
    ----------
    restored, filters : pandas.DataFrame
        Columns as in `experiments.denoising.run.RESTORED` and `FILTERS`.
    trained_up_to : float
        Largest noise of the training.

    Returns
    -------
    pandas.DataFrame
        A row for each ``noise``: ``range``, ``trained`` or ``above``; the mean ``psnr_in`` and
        ``psnr_out``; the largest ``contrast_percent`` and the mean ``net_bias_percent``;
        ``n_images``. Of the explained pixels the largest ``sum_percent`` and ``ig_percent``, the
        mean ``filter_radius`` and ``weight_sum``, and ``n_filters``.
    """
    of_images = restored.groupby("noise").agg(
        psnr_in=("psnr_in", "mean"),
        psnr_out=("psnr_out", "mean"),
        contrast_percent=("contrast_percent", "max"),
        net_bias_percent=("net_bias_percent", "mean"),
        n_images=("image", "size"),
    )
    of_filters = filters.groupby("noise").agg(
        sum_percent=("sum_percent", "max"),
        ig_percent=("ig_percent", "max"),
        filter_radius=("radius", "mean"),
        weight_sum=("weight_sum", "mean"),
        n_filters=("image", "size"),
    )
    table = of_images.join(of_filters).reset_index()
    inside = table["noise"] <= trained_up_to
    table.insert(1, "range", inside.map({True: "trained", False: "above"}))
    return table
