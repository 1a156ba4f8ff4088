"""Figure: the importance of motif hits against how well they fit the motif."""

from __future__ import annotations

from itertools import product

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from experiments.figures import set_style
from experiments.methods import printed_names

__all__ = ["plot_motif_hits"]


def plot_motif_hits(hits: pd.DataFrame, strong: float) -> Figure:
    """Plot the importance of motif hits against their log-odds.

    Parameters
    ----------
    hits : pandas.DataFrame
        One row per hit: ``weights``, ``motif``, ``method`` (its key), ``log_odds`` (natural) and
        ``importance``.
    strong : float
        Log-odds from which a hit without positive importance is a false negative.

    Returns
    -------
    matplotlib.figure.Figure
        A row for each motif and set of weights, a column per method. False negatives are marked,
        and their share of the strong hits is printed.
    """
    set_style()
    names = printed_names(hits["method"], "genomics")
    methods = list(names)
    rows = list(dict.fromkeys(zip(hits["weights"], hits["motif"], strict=True)))
    palette = sns.color_palette()
    figure = Figure(figsize=(1.75 * len(methods), 1.7 * len(rows) + 0.6), layout="constrained")
    # Logits of two nets, and scales of two attributions, are not comparable: no common y axis.
    grid = figure.subplots(
        len(rows),
        len(methods),
        sharex=True,
        squeeze=False,
    )
    for (row, (weights, motif)), (column, method) in product(enumerate(rows), enumerate(methods)):
        axes = grid[row, column]
        part = hits[
            (hits["weights"] == weights) & (hits["motif"] == motif) & (hits["method"] == method)
        ]
        is_strong = part["log_odds"] >= strong
        missed = is_strong & (part["importance"] <= 0)
        for chosen, colour, size in ((~missed, palette[0], 3), (missed, palette[3], 12)):
            axes.scatter(
                part.loc[chosen, "log_odds"],
                part.loc[chosen, "importance"],
                s=size,
                color=colour,
                linewidths=0,
                alpha=0.6,
                rasterized=True,  # thousands of points
                zorder=3,
            )
        axes.axhline(0.0, color="0.3", linewidth=0.8)
        axes.axvline(strong, color="0.3", linewidth=0.8, linestyle=":")
        share = f"{100 * missed.sum() / is_strong.sum():.2f} %" if is_strong.any() else "–"
        low, high = axes.get_ylim()
        axes.set_ylim(low, high + 0.2 * (high - low))  # room for the number
        axes.text(
            0.03,
            0.97,
            share,
            transform=axes.transAxes,
            va="top",
            color=palette[3] if missed.any() else "0.2",
            bbox={"facecolor": "white", "linewidth": 0, "pad": 0.5},
        )
        axes.tick_params(labelsize=7)
    for axes, method in zip(grid[0], methods, strict=True):
        lines = names[method].replace(": ", ":\n").replace(", ", ",\n")
        axes.set_title(lines, fontsize=8)
    for axes in grid[-1]:
        axes.set_xlabel("log-odds (nats)", fontsize=8)
    for axes, (weights, motif) in zip(grid[:, 0], rows, strict=True):
        axes.set_ylabel(f"{motif}\n{weights} weights\n\nimportance (logit)", fontsize=8)
    figure.align_ylabels(grid[:, 0])
    dots = [
        Line2D([], [], color=colour, marker="o", markersize=4, linestyle="")
        for colour in (palette[0], palette[3])
    ]
    marks = {
        "hit": dots[0],
        "false negative, % of the strong hits": dots[1],
        f"strong: {strong:g} nats or more": Line2D([], [], color="0.3", lw=0.8, linestyle=":"),
    }
    figure.legend(marks.values(), marks, loc="outside lower center", ncols=3)
    return figure
