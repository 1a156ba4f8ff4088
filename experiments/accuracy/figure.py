"""Figure: accuracy with and without biases."""

from __future__ import annotations

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from experiments.figures import set_style
from experiments.networks.labels import network_names, variant_names

__all__ = ["plot_accuracy"]

_MARKERS = {"regular": "o", "stripped": "X", "X-DNN": "D"}


def plot_accuracy(accuracy: pd.DataFrame) -> Figure:
    """Plot the top-1 accuracy of every net: regular, stripped of its biases, X-DNN.

    Parameters
    ----------
    accuracy : pandas.DataFrame
        Columns ``network``, ``architecture``, ``variant`` and ``top1`` (percent).

    Returns
    -------
    matplotlib.figure.Figure
        One panel, with a line per network and a mark per variant.
    """
    set_style()
    table = accuracy.assign(net=network_names(accuracy), kind=variant_names(accuracy))
    figure = Figure(figsize=(5.2, 0.8 + 0.45 * table["net"].nunique()))
    axes = figure.subplots()
    kinds = [kind for kind in _MARKERS if kind in set(table["kind"])]
    sns.pointplot(
        table,
        x="top1",
        y="net",
        hue="kind",
        hue_order=kinds,
        markers=[_MARKERS[kind] for kind in kinds],
        linestyle="none",
        errorbar=None,
        ax=axes,
    )
    axes.grid(True, axis="both")
    axes.set(xlabel="top-1 accuracy (%)", ylabel="")
    sns.move_legend(axes, "upper left", bbox_to_anchor=(1, 1), title="")
    return figure
