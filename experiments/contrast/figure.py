"""Figure: accuracy against contrast."""

from __future__ import annotations

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from experiments.figures import set_style
from experiments.networks.labels import network_names, variant_names

__all__ = ["plot_contrast"]


def plot_contrast(contrast: pd.DataFrame) -> Figure:
    """Plot the top-1 accuracy against the contrast factor, regular nets and X-DNNs together.

    Parameters
    ----------
    contrast : pandas.DataFrame
        Columns ``network``, ``architecture``, ``variant``, ``alpha`` and ``top1`` (percent).

    Returns
    -------
    matplotlib.figure.Figure
        A panel per network.
    """
    set_style()
    table = contrast.assign(net=network_names(contrast), kind=variant_names(contrast))
    grid = sns.relplot(
        table,
        x="alpha",
        y="top1",
        hue="kind",
        style="kind",
        markers=True,
        dashes=False,
        col="net",
        kind="line",
        errorbar=None,
        height=2.6,
        aspect=1.1,
    )
    grid.set_titles("{col_name}")
    grid.set_axis_labels("contrast factor α", "top-1 accuracy (%)")
    # Contrast falls from left to right, as in the paper.
    grid.axes.flat[0].invert_xaxis()
    grid.legend.set_title("")
    return grid.figure
