"""Figure: which method satisfies which axiom."""

from __future__ import annotations

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from experiments.axioms.cases import AXIOMS
from experiments.figures import set_style
from experiments.methods import printed_names

__all__ = ["plot_axioms"]

_PANELS = {"regular": "ReLU nets with biases", "x": "X-DNNs"}


def plot_axioms(table: pd.DataFrame, published: pd.DataFrame) -> Figure:
    """Draw the verdicts of the usual reading, alongside the paper's cells.

    Parameters
    ----------
    table : pandas.DataFrame
        ``method``, ``nets``, ``axiom``, ``reading`` and ``satisfied`` (1 or 0).
    published : pandas.DataFrame
        ``method``, ``axiom`` and ``satisfied``, as `experiments.published.read_published` reads
        them.

    Returns
    -------
    matplotlib.figure.Figure
        A panel for nets with biases and one for X-DNNs: a row per method, a column per axiom. The
        paper's cells have a frame, dashed where it has another verdict; a star marks a cell that
        another reading of the axiom changes.
    """
    set_style()
    names = printed_names(table["method"], "axioms")
    colours = [sns.color_palette()[3], sns.color_palette()[2]]
    figure = Figure(figsize=(8.2, 0.3 * len(names) + 1.9), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, (nets, title) in zip(panels, _PANELS.items(), strict=True):
        own = table[table["nets"] == nets]
        usual = own[own["reading"] == "usual"].pivot(
            index="method", columns="axiom", values="satisfied"
        )
        cells = usual.reindex(index=list(names), columns=list(AXIOMS)).to_numpy(dtype=float)
        changed = {
            (row["method"], row["axiom"])
            for _, row in own[own["reading"] != "usual"].iterrows()
            if row["satisfied"] != usual.loc[row["method"], row["axiom"]]
        }
        axes.imshow(
            np.ma.masked_invalid(cells), cmap=ListedColormap(colours), vmin=0, vmax=1, alpha=0.55
        )
        for (row, column), value in np.ndenumerate(cells):
            star = "*" if (list(names)[row], list(AXIOMS)[column]) in changed else ""
            mark = "–" if np.isnan(value) else "✓" if value else "✗"
            axes.text(column, row, mark + star, ha="center", va="center", fontsize=9)
        printed = zip(published["method"], published["axiom"], published["satisfied"], strict=True)
        for method, axiom, satisfied in printed:
            # Of XG the paper's cells are about X-DNNs.
            if (nets == "x") == (method == "x_gradient") and method in names:
                row, column = list(names).index(method), list(AXIOMS).index(axiom)
                same = cells[row, column] == satisfied
                frame = Rectangle(
                    (column - 0.46, row - 0.46),
                    0.92,
                    0.92,
                    fill=False,
                    edgecolor="black",
                    linestyle="-" if same else ":",
                    linewidth=1.2,
                )
                axes.add_patch(frame)
        axes.set_xticks(range(len(AXIOMS)), AXIOMS.values(), rotation=40, ha="left", fontsize=8)
        axes.xaxis.tick_top()
        axes.set_yticks(range(len(names)), names.values(), fontsize=8)
        axes.set_xlabel(title, fontsize=9)
        axes.grid(False)
    legend = [
        Patch(facecolor=colours[1], alpha=0.55, label="✓ no violation found"),
        Patch(facecolor=colours[0], alpha=0.55, label="✗ counter-example"),
        Patch(fill=False, edgecolor="black", label="cell of the paper (dotted: differs)"),
    ]
    figure.legend(handles=legend, loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    return figure
