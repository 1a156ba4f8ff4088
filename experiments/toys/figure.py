"""Figure: attributions of functions of one or two inputs."""

from __future__ import annotations

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from experiments.figures import set_style
from experiments.methods import printed_names

__all__ = ["plot_toys"]

_INPUTS = {"i1": 0, "x": 0, "i2": 1}  # colours of the palette


def plot_toys(table: pd.DataFrame) -> Figure:
    """Plot the attributions of the toy functions along their lines.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns ``toy``, ``formula``, ``along`` (label of the horizontal axis), ``position``,
        ``output``, ``method`` (its key), ``input`` (``i1``, ``i2``
        or ``x``) and ``attribution``.

    Returns
    -------
    matplotlib.figure.Figure
        A row per function, a column per method: the attribution to each input, and the output
        that they explain.
    """
    set_style()
    toys = list(dict.fromkeys(table["toy"]))
    names = printed_names(table["method"], "toys")
    palette = sns.color_palette()
    figure = Figure(figsize=(1.75 * len(names), 1.7 * len(toys) + 0.4), layout="constrained")
    grid = figure.subplots(len(toys), len(names), sharex="row", sharey="row", squeeze=False)
    for row, toy in zip(grid, toys, strict=True):
        for axes, method in zip(row, names, strict=True):
            part = table[(table["toy"] == toy) & (table["method"] == method)]
            inputs = list(dict.fromkeys(part["input"]))
            first = part[part["input"] == inputs[0]]
            axes.plot(first["position"], first["output"], color="0.75", linewidth=3.5)
            for name in inputs:
                values = part[part["input"] == name]
                axes.plot(
                    values["position"],
                    values["attribution"],
                    color=palette[_INPUTS[name]],
                    linewidth=1.6,
                    # So that both lines are visible if both inputs get the same.
                    dashes=(3, 2) if name == "i2" else (),
                )
            axes.set_xlabel(part["along"].iloc[0], fontsize=8)
            axes.tick_params(labelsize=7)
        row[0].set_ylabel(f"{toy}\n{part['formula'].iloc[0]}", fontsize=8)
    for axes, method in zip(grid[0], names, strict=True):
        axes.set_title(names[method].replace(": ", ":\n"), fontsize=9)
    lines = {
        "attribution to i1, or to x": Line2D([], [], color=palette[0], linewidth=1.6),
        "attribution to i2": Line2D([], [], color=palette[1], linewidth=1.6, dashes=(3, 2)),
        "output": Line2D([], [], color="0.75", linewidth=3.5),
    }
    figure.legend(lines.values(), lines, loc="outside lower center", ncols=3)
    return figure
