"""The figures. Each function takes a tidy table, or maps by name, and returns a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

__all__ = [
    "METHODS",
    "plot_attribution_maps",
    "plot_contrast",
    "plot_convergence",
    "plot_masked_images",
    "plot_masking_curves",
    "save_figure",
]

NETWORKS = {"alexnet": "AlexNet", "vgg16": "VGG16", "fixup_resnet50": "ResNet-50 (Fixup)"}
VARIANTS = {"regular": "regular", "stripped": "stripped", "x": "X-DNN"}
QUADRATURES = {
    "gausslegendre": "Gauss-Legendre",
    "riemann_left": "left Riemann",
    "riemann_right": "right Riemann",
    "riemann_middle": "midpoint",
    "riemann_trapezoid": "trapezoid",
}
METHODS = {
    "ig": "IG",
    "x_gradient": "XG",
    "input_x_gradient": "Input×Gradient",
    "guided_backprop": "Guided backprop",
    "expected_gradients": "EG (1)",
    "gradient": "Grad",
    "random": "Random",
}
"""Attribution methods as the masking metrics print them, in the order of legends and tables."""
# The paper's four metrics, and the direction that is better.
MASKING_CURVES = {"KPM": "KPM ↑", "KNM": "KNM ↓", "KAM": "KAM ↑", "RAM": "RAM ↓"}


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


def plot_masking_curves(curves: pd.DataFrame) -> Figure:
    """Plot the score against the fraction of unmasked pixels, on a logarithmic axis.

    Parameters
    ----------
    curves : pandas.DataFrame
        Columns ``arch``, ``variant``, ``method``, ``curve``, ``fraction`` and ``score``: the mean
        target logit, or for KAM and RAM the top-1 accuracy in percent.

    Returns
    -------
    matplotlib.figure.Figure
        A row for each of the paper's four metrics, a column per net.
    """
    _style()
    shown = curves[curves["curve"].isin(MASKING_CURVES)]
    table = shown.assign(
        attribution=shown["method"].map(METHODS),
        metric=shown["curve"].map(MASKING_CURVES),
        net=shown["arch"].map(NETWORKS) + ", " + shown["variant"].map(VARIANTS),
    )
    present = [name for name in METHODS.values() if name in set(table["attribution"])]
    grid = sns.relplot(
        table,
        x="fraction",
        y="score",
        hue="attribution",
        hue_order=present,
        style="attribution",
        style_order=present,
        markers=True,
        dashes=False,
        row="metric",
        row_order=MASKING_CURVES.values(),
        col="net",
        kind="line",
        errorbar=None,
        height=2.1,
        aspect=1.6,
        # Rows hold logits or percents; the columns are nets, whose logits have scales of their own.
        facet_kws={"sharey": False},
    )
    # On an X-DNN these two and Input×Gradient, drawn after them, agree: all three stay visible.
    widths = dict.fromkeys(present, 1.3) | {METHODS["ig"]: 5.0, METHODS["x_gradient"]: 3.0}
    handles = zip(grid.legend.legend_handles, grid.legend.get_texts(), strict=True)
    entries = [(handle, text.get_text()) for handle, text in handles]
    for axes in grid.axes.flat:
        entries += zip(axes.get_lines(), present, strict=False)
    for line, name in entries:
        line.set(linewidth=widths[name], markersize=widths[name] + 3, markeredgewidth=0)
    ticks = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0]
    for (metric, _), axes in grid.axes_dict.items():
        axes.set(xscale="log")
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
        if axes.get_subplotspec().is_first_col():
            accuracy = metric in (MASKING_CURVES["KAM"], MASKING_CURVES["RAM"])
            axes.set_ylabel("top-1 accuracy (%)" if accuracy else "logit of the true class")
    grid.set_titles("{row_name}   {col_name}")
    grid.set_xlabels("fraction of unmasked pixels")
    grid.legend.set_title("")
    return grid.figure


def plot_masked_images(
    tensors: Mapping[str, np.ndarray],
    classes: Sequence[str],
    methods: Sequence[str],
    fractions: Sequence[float],
) -> Figure:
    """Draw what is left of images when the best pixels of an attribution are kept.

    Parameters
    ----------
    tensors : mapping of str to numpy.ndarray
        ``image`` and ``blurred`` (N, C, H, W), 0 to 1; per method ``METHOD/map`` (N, H, W),
        signed, and ``METHOD/masked`` (N, F, C, H, W); the logits of the true class ``image/logit``
        and ``blurred/logit`` (N,) and ``METHOD/logit`` (N, F).
    classes : sequence of str
        The class of each of the N images.
    methods : sequence of str
        Keys of `METHODS`.
    fractions : sequence of float
        The F fractions of the pixels that a mask may keep.

    Returns
    -------
    matplotlib.figure.Figure
        The images side by side, each with a row per method: the attribution map (divided by its
        largest absolute value: red for, blue against the class), and the masked images with the
        logit of the true class below.
    """
    _style()
    methods = [name for name in METHODS if name in methods]
    width = 1 + len(fractions)
    n_columns = len(classes) * width
    figure = Figure(figsize=(0.95 * n_columns + 0.9, 1.12 * (1 + len(methods))))
    # A narrow empty column between two images.
    ratios = ([1.0] * width + [0.25]) * len(classes)
    axes = figure.subplots(
        1 + len(methods),
        len(ratios) - 1,
        squeeze=False,
        gridspec_kw={"width_ratios": ratios[:-1], "wspace": 0.05, "hspace": 0.28},
    )
    for axis in axes.flat:
        axis.set_axis_off()

    def show(row: int, column: int, image: np.ndarray, below: str) -> None:
        axis = axes[row, column]
        axis.imshow(image.transpose(1, 2, 0).squeeze(), cmap="gray", vmin=0, vmax=1)
        axis.text(0.5, -0.03, below, transform=axis.transAxes, ha="center", va="top", fontsize=7)

    for index, name in enumerate(classes):
        left = index * (width + 1)
        for column, (kind, title) in enumerate((("image", name), ("blurred", "blurred"))):
            show(0, left + column, tensors[kind][index], "")
            logit = tensors[f"{kind}/logit"][index]
            axes[0, left + column].set_title(f"{title}\nlogit {logit:.1f}", fontsize=8)
        for row, method in enumerate(methods, start=1):
            attribution = tensors[f"{method}/map"][index]
            largest = np.abs(attribution).max() or 1.0
            axes[row, left].imshow(attribution / largest, cmap="seismic", vmin=-1, vmax=1)
            for column in range(len(fractions)):
                logit = tensors[f"{method}/logit"][index, column]
                show(
                    row,
                    left + 1 + column,
                    tensors[f"{method}/masked"][index, column],
                    f"{logit:.1f}",
                )
        axes[1, left].set_title("attribution", fontsize=8)
        for column, fraction in enumerate(fractions, start=left + 1):
            axes[1, column].set_title(f"best {100 * fraction:g} %", fontsize=8)
    for row, method in enumerate(methods, start=1):
        axes[row, 0].text(
            -0.1,
            0.5,
            METHODS[method],
            transform=axes[row, 0].transAxes,
            ha="right",
            va="center",
            fontsize=8,
        )
    return figure
