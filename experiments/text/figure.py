"""Figure: accuracy on sentences, and the difference between Input×Gradient and IG."""

from __future__ import annotations

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from experiments.figures import set_style
from experiments.networks.labels import variant_names

__all__ = ["plot_text"]

# Differences that are exactly zero have a place on a logarithmic axis, too.
_LEAST = 1e-16


def plot_text(table: pd.DataFrame, published: pd.DataFrame, rows: pd.DataFrame) -> Figure:
    """Plot the accuracy of every net, and its differences, a dot per sentence.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns ``dataset``, ``variant`` and ``top1`` (percent).
    published : pandas.DataFrame
        Columns ``dataset`` and ``top1`` (percent).
    rows : pandas.DataFrame
        Columns ``dataset``, ``variant`` and ``difference_percent``.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels that share the data sets.
    """
    set_style()
    table = table.assign(kind=variant_names(table))
    rows = rows.assign(
        kind=variant_names(rows), shown=rows["difference_percent"].clip(lower=_LEAST)
    )
    order, kinds = list(table["dataset"].unique()), list(table["kind"].unique())
    figure = Figure(figsize=(7.2, 1.1 + 0.75 * len(order)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    printed = published[published["dataset"].isin(order)]
    sns.pointplot(
        table,
        x="top1",
        y="dataset",
        hue="kind",
        order=order,
        hue_order=kinds,
        markers=["o", "D"][: len(kinds)],
        linestyle="none",
        errorbar=None,
        dodge=0.2,
        ax=left,
        legend=False,
    )
    left.scatter(
        printed["top1"],
        [order.index(dataset) for dataset in printed["dataset"]],
        marker="|",
        s=260,
        color="0.2",
        label="Kim 2014, static word2vec",
    )
    left.set(xlabel="accuracy (%)", ylabel="")
    left.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False)
    sns.stripplot(
        rows,
        x="shown",
        y="dataset",
        hue="kind",
        order=order,
        hue_order=kinds,
        dodge=True,
        size=3,
        alpha=0.6,
        ax=right,
        log_scale=True,
    )
    right.set(xlabel="Input×Gradient against IG, by sentence (%)", ylabel="")
    right.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False)
    for axis in (left, right):
        axis.grid(True, axis="both")
    return figure
