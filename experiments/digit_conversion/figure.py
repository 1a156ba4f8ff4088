"""Figures of the digit conversion: box plots, and one image with its contributions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from experiments.figures import set_style
from experiments.methods import printed_names

__all__ = ["plot_digit_conversion", "plot_digit_example"]

_WEIGHTS = {"trained": "trained here", "published": "published weights"}


def plot_digit_conversion(conversions: pd.DataFrame, published: pd.DataFrame) -> Figure:
    """Draw the scores as box plots, arranged as in Figure 4 of the paper.

    Parameters
    ----------
    conversions : pandas.DataFrame
        One row per image: ``weights``, ``task``, ``method`` and ``score`` (change of the
        log-odds), by one erasing rule.
    published : pandas.DataFrame
        ``task``, ``method`` and ``median`` of the published weights.

    Returns
    -------
    matplotlib.figure.Figure
        A row per weights, a panel per task, a box per method: quartiles and median, whiskers of at
        most 1.5 times the height of the box, points beyond. On the published weights, the published
        medians.
    """
    set_style()
    printed = printed_names(conversions["method"], "digit_conversion")
    methods, names = list(printed), list(printed.values())
    tasks = list(dict.fromkeys(conversions["task"]))
    weights = list(dict.fromkeys(conversions["weights"]))
    palette = dict(zip(names, sns.color_palette("colorblind", len(names)), strict=True))
    figure = Figure(figsize=(2.4 * len(tasks) + 0.6, 2.6 * len(weights) + 1.5))
    # The nets of two rows have logits of their own scale.
    axes = figure.subplots(len(weights), len(tasks), squeeze=False, sharey="row", sharex=True)
    known = published.set_index(["task", "method"])["median"]
    for row, source in enumerate(weights):
        for column, task in enumerate(tasks):
            axis = axes[row, column]
            chosen = (conversions["task"] == task) & (conversions["weights"] == source)
            table = conversions[chosen].assign(
                name=conversions["method"].map(printed),
            )
            sns.boxplot(
                table,
                x="name",
                y="score",
                order=names,
                hue="name",
                hue_order=names,
                palette=palette,
                legend=False,
                linewidth=0.8,
                width=0.7,
                flierprops={"marker": ".", "markersize": 2, "markeredgewidth": 0.3},
                ax=axis,
            )
            if source == "published":
                there = [i for i, method in enumerate(methods) if (task, method) in known.index]
                medians = [known[(task, methods[i])] for i in there]
                axis.plot(there, medians, "D", ms=3.5, mfc="white", mec="black", mew=0.8, zorder=10)
            axis.axhline(0, color="0.3", linewidth=0.8)
            axis.set(xlabel="", ylabel="")
            axis.set_title(f"{task.replace('->', '→')}, {_WEIGHTS[source]}", fontsize=9)
            axis.tick_params(axis="x", labelrotation=90, labelsize=8)
        axes[row, 0].set_ylabel("change of the log-odds")
    if "published" in weights:
        marker = Line2D([], [], marker="D", ms=3.5, mfc="white", mec="black", ls="")
        figure.legend([marker], ["published median (digitised)"], loc="upper right", fontsize=8)
    figure.tight_layout(rect=(0, 0, 1, 0.97 if "published" in weights else 1))
    return figure


def plot_digit_example(
    tensors: Mapping[str, np.ndarray],
    task: Sequence[int],
    classes: Sequence[int],
    methods: Sequence[str],
    index: int,
) -> Figure:
    """Draw one image, the contributions to some logits, and the image after erasing.

    Parameters
    ----------
    tensors : mapping of str to numpy.ndarray
        ``image`` (H, W), grey values; per method ``METHOD/contributions`` (classes, H, W),
        ``METHOD/masked`` (H, W) and ``METHOD/score``.
    task : sequence of int
        Class of the image, and class that it is converted to.
    classes : sequence of int
        The logits of the contributions.
    methods : sequence of str
        Their keys, in the order of the rows.
    index : int
        Of the image among the test images.

    Returns
    -------
    matplotlib.figure.Figure
        A row per method. Its contributions have one scale: red for, blue against the class.
    """
    set_style()
    names = printed_names(methods, "digit_conversion")
    width = len(classes) + 2
    figure = Figure(figsize=(1.12 * width + 0.6, 1.15 * len(methods) + 0.3))
    axes = figure.subplots(
        len(methods), width, squeeze=False, gridspec_kw={"wspace": 0.06, "hspace": 0.08}
    )
    for row, method in enumerate(methods):
        contributions = tensors[f"{method}/contributions"]
        largest = np.abs(contributions).max() or 1.0
        axes[row, 0].imshow(tensors["image"], cmap="gray", vmin=0, vmax=255)
        for column, values in enumerate(contributions, start=1):
            axes[row, column].imshow(values / largest, cmap="seismic", vmin=-1, vmax=1)
        axes[row, -1].imshow(tensors[f"{method}/masked"], cmap="gray", vmin=0, vmax=255)
        for text, side, alignment in (
            (names[method].replace(", ", ",\n").replace(": ", ":\n"), -0.08, "right"),
            (_signed(float(tensors[f"{method}/score"])), 1.08, "left"),
        ):
            place = axes[row, 0 if alignment == "right" else -1]
            place.text(
                side, 0.5, text, transform=place.transAxes, ha=alignment, va="center", fontsize=8
            )
    original, target = task
    titles = [
        f"test image {index}",
        *(f"logit of {digit}" for digit in classes),
        f"{original}→{target},\nafter erasing",
    ]
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title, fontsize=8)
    corner = axes[0, -1]
    corner.text(
        1.08,
        1.04,
        "log-odds\nchange",
        transform=corner.transAxes,
        ha="left",
        va="bottom",
        fontsize=8,
    )
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
        axis.grid(False)
    return figure


def _signed(value: float) -> str:
    return f"{value:+.0f}" if abs(value) >= 100 else f"{value:+.1f}"
