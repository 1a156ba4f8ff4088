"""Figure: the difference between IG and Input×Gradient, by arithmetic."""

from __future__ import annotations

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from experiments.figures import set_style
from experiments.networks.labels import network_names, variant_names

__all__ = ["plot_mean_relative_difference"]

# From the most precise to the least.
_ARITHMETIC = ["float64", "float32", "TF32", "bfloat16"]


def plot_mean_relative_difference(differences: pd.DataFrame) -> Figure:
    """Plot the mean absolute relative difference on a logarithmic axis.

    Parameters
    ----------
    differences : pandas.DataFrame
        Columns ``network``, ``architecture``, ``variant``, ``dtype`` and ``mard_percent``.

    Returns
    -------
    matplotlib.figure.Figure
        A panel per network, with a row per arithmetic and a mark per variant. Differences of
        exactly zero have no place on the axis.
    """
    set_style()
    arithmetic = differences["dtype"].replace("tf32", "TF32")
    table = differences.assign(
        net=network_names(differences), kind=variant_names(differences), arithmetic=arithmetic
    )
    # Without the numbers of bits, which have a figure of their own.
    table = table[table["arithmetic"].isin(_ARITHMETIC)]
    order = sorted(table["arithmetic"].unique(), key=_ARITHMETIC.index)
    markers = ["o", "D", "X"]
    grid = sns.catplot(
        table,
        x="mard_percent",
        y="arithmetic",
        order=order,
        hue="kind",
        col="net",
        kind="point",
        linestyle="none",
        markers=markers[: table["kind"].nunique()],
        errorbar=None,
        height=1.9,
        aspect=1.3,
    )
    grid.set(xscale="log")
    grid.set_titles("{col_name}")
    grid.set_axis_labels("MARD (%)", "")
    grid.legend.set_title("")
    for axes in grid.axes.flat:
        axes.grid(True, axis="both")
        # With more, the last number of a panel runs into the first of the next one.
        axes.xaxis.set_major_locator(LogLocator(numticks=4))
    return grid.figure
