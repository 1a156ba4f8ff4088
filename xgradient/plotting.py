"""The figures. Each function takes a tidy table, or maps by name, and returns a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

__all__ = ["plot_attribution_maps", "plot_contrast", "plot_convergence", "save_figure"]

NETWORKS = {"alexnet": "AlexNet", "vgg16": "VGG16", "fixup_resnet50": "ResNet-50 (Fixup)"}
VARIANTS = {"regular": "regular", "stripped": "stripped", "x": "X-DNN"}
QUADRATURES = {
    "gausslegendre": "Gauss-Legendre",
    "riemann_left": "left Riemann",
    "riemann_right": "right Riemann",
    "riemann_middle": "midpoint",
    "riemann_trapezoid": "trapezoid",
}


def save_figure(figure: Figure, pdf: str | Path, png: str | Path) -> None:
    """Write a figure as PDF and PNG, without dates, so that the same figure is the same file."""
    figure.savefig(pdf, bbox_inches="tight", metadata={"CreationDate": None})
    figure.savefig(png, bbox_inches="tight", dpi=150, metadata={"Software": None})


def _style() -> None:
    matplotlib.use("agg")
    sns.set_theme(context="paper", style="whitegrid", palette="colorblind")


def plot_convergence(convergence: pd.DataFrame, published: pd.DataFrame) -> Figure:
    """Plot the difference between IG with few and with many steps, on logarithmic axes.

    Parameters
    ----------
    convergence : pandas.DataFrame
        Columns ``arch``, ``variant``, ``method``, ``n_steps`` and ``mean_abs_difference``.
    published : pandas.DataFrame
        The paper's curve: ``n_steps`` and ``abs_difference_to_ig300``.

    Returns
    -------
    matplotlib.figure.Figure
        A row per variant and a column per architecture; the paper's curve, of a model that it
        does not name, is in the panels of the regular nets.
    """
    _style()
    table = convergence.assign(
        rule=convergence["method"].map(QUADRATURES),
        net=convergence["arch"].map(NETWORKS),
        kind=convergence["variant"].map(VARIANTS),
    )
    grid = sns.relplot(
        table,
        x="n_steps",
        y="mean_abs_difference",
        hue="rule",
        style="rule",
        markers=True,
        dashes=False,
        row="kind",
        col="net",
        kind="line",
        errorbar=None,
        height=2.4,
        aspect=1.2,
    )
    steps = sorted(table["n_steps"].unique())
    for (kind, _), axes in grid.axes_dict.items():
        axes.set(xscale="log", yscale="log")
        axes.set_xticks(steps, [str(value) for value in steps], minor=False)
        axes.minorticks_off()
        if kind == VARIANTS["regular"]:
            axes.plot(
                published["n_steps"],
                published["abs_difference_to_ig300"],
                color="0.5",
                linestyle=":",
                label="paper (net not named)",
            )
    grid.set_titles("{row_name} {col_name}")
    grid.set_axis_labels("number of steps", "|IG(n) − IG(300)|, mean")
    _add_to_legend(grid, "paper (net not named)")
    grid.figure.tight_layout()
    return grid.figure


def _add_to_legend(grid: sns.FacetGrid, label: str) -> None:
    """Rebuild the legend of a grid with one more line, if some panel has it."""
    for axes in grid.axes.flat:
        handles = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
        if label in handles:
            entries = {**_legend_entries(grid), label: handles[label]}
            grid.legend.remove()
            grid.figure.legend(
                entries.values(),
                entries.keys(),
                loc="center left",
                bbox_to_anchor=(1.0, 0.5),
                frameon=False,
            )
            return


def _legend_entries(grid: sns.FacetGrid) -> dict[str, object]:
    texts = [text.get_text() for text in grid.legend.get_texts()]
    return dict(zip(texts, grid.legend.legend_handles, strict=True))


def plot_contrast(contrast: pd.DataFrame) -> Figure:
    """Plot the top-1 accuracy against the contrast factor, regular nets and X-DNNs together.

    Parameters
    ----------
    contrast : pandas.DataFrame
        Columns ``arch``, ``variant``, ``alpha`` and ``top1`` (percent).

    Returns
    -------
    matplotlib.figure.Figure
        A panel per architecture.
    """
    _style()
    table = contrast.assign(
        net=contrast["arch"].map(NETWORKS), kind=contrast["variant"].map(VARIANTS)
    )
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


def plot_attribution_maps(
    maps: Mapping[str, np.ndarray], classes: Sequence[str], alphas: Sequence[float]
) -> Figure:
    """Draw images and attribution maps, regular net beside X-DNN, at several contrasts.

    Parameters
    ----------
    maps : mapping of str to numpy.ndarray
        ``image/ALPHA`` (N, C, H, W), 0 to 1, and ``VARIANT/METHOD/ALPHA`` (N, H, W), signed.
    classes : sequence of str
        The class of each of the N images.
    alphas : sequence of float
        The contrast factors.

    Returns
    -------
    matplotlib.figure.Figure
        A row per image and contrast; a column for the image and per variant and method. Every
        map is divided by its own largest absolute value: red for, blue against the class.
    """
    _style()
    columns = list(
        dict.fromkeys(name.rsplit("/", 1)[0] for name in maps if not name.startswith("image/"))
    )
    # Regular net first, X-DNN second; within each: Input×Gradient, IG, XG.
    methods = ["Input×Gradient", "IG", "XG"]
    columns.sort(key=lambda name: (name.split("/")[0] == "x", methods.index(name.split("/")[1])))
    rows = [(index, alpha) for index in range(len(classes)) for alpha in alphas]
    figure = Figure(figsize=(1.05 * (len(columns) + 1), 1.0 * len(rows) + 0.4))
    axes = figure.subplots(
        len(rows), len(columns) + 1, squeeze=False, gridspec_kw={"wspace": 0.05, "hspace": 0.08}
    )
    for row, (index, alpha) in enumerate(rows):
        image = maps[f"image/{alpha}"][index].transpose(1, 2, 0)
        axes[row, 0].imshow(image.squeeze(), cmap="gray", vmin=0, vmax=1)
        axes[row, 0].set_ylabel(f"{classes[index]}\nα = {alpha:g}", fontsize=7)
        for column, name in enumerate(columns, start=1):
            attribution = maps[f"{name}/{alpha}"][index]
            largest = np.abs(attribution).max() or 1.0
            axes[row, column].imshow(attribution / largest, cmap="seismic", vmin=-1, vmax=1)
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
    axes[0, 0].set_title("image", fontsize=8)
    for column, name in enumerate(columns, start=1):
        variant, method = name.split("/")
        title = f"{VARIANTS[variant]}\n{method.replace('×Gradient', '×Grad.')}"
        axes[0, column].set_title(title, fontsize=8)
    return figure
