"""Figures: score against the fraction of unmasked pixels, and masked images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from experiments.figures import set_style
from experiments.methods import printed_names
from experiments.networks.labels import network_names, variant_names

__all__ = ["plot_masked_images", "plot_masking_curves"]

# The paper's four metrics, and the direction that is better.
MASKING_CURVES = {"KPM": "KPM ↑", "KNM": "KNM ↓", "KAM": "KAM ↑", "RAM": "RAM ↓"}


def plot_masking_curves(curves: pd.DataFrame) -> Figure:
    """Plot the score against the fraction of unmasked pixels, on a logarithmic axis.

    Parameters
    ----------
    curves : pandas.DataFrame
        Columns ``network``, ``architecture``, ``variant``, ``method``, ``curve``, ``fraction`` and
        ``score``: the mean target logit, or for KAM and RAM the top-1 accuracy in percent.

    Returns
    -------
    matplotlib.figure.Figure
        A row for each of the paper's four metrics, a column per net.
    """
    set_style()
    shown = curves[curves["curve"].isin(MASKING_CURVES)]
    # A regular net lacks XG: the net with most methods has them in the order of the configuration.
    of_nets = [part["method"].unique() for _, part in shown.groupby(["network", "variant"])]
    names = printed_names([*max(of_nets, key=len), *shown["method"]], "masking")
    table = shown.assign(
        attribution=shown["method"].map(names),
        metric=shown["curve"].map(MASKING_CURVES),
        net=network_names(shown) + ", " + variant_names(shown),
    )
    present = list(names.values())
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
    wide = {"ig": 5.0, "x_gradient": 3.0}
    widths = {name: wide.get(key, 1.3) for key, name in names.items()}
    handles = dict(zip(present, grid.legend.legend_handles, strict=True))
    # Lines are identified by their colours: a net without some method has fewer lines.
    width_of = {handle.get_color(): widths[name] for name, handle in handles.items()}
    for line in (
        *handles.values(),
        *(line for axes in grid.axes.flat for line in axes.get_lines()),
    ):
        width = width_of[line.get_color()]
        line.set(linewidth=width, markersize=width + 3, markeredgewidth=0)
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
    """Draw images of which only the best pixels of an attribution are kept.

    Parameters
    ----------
    tensors : mapping of str to numpy.ndarray
        ``image`` and ``blurred`` (N, C, H, W), 0 to 1; per method ``METHOD/map`` (N, H, W),
        signed, and ``METHOD/masked`` (N, F, C, H, W); the logits of the true class ``image/logit``
        and ``blurred/logit`` (N,) and ``METHOD/logit`` (N, F).
    classes : sequence of str
        The class of each of the N images.
    methods : sequence of str
        Their keys, in the order of the rows.
    fractions : sequence of float
        The F fractions of the pixels that a mask may keep.

    Returns
    -------
    matplotlib.figure.Figure
        The images side by side, each with a row per method: the attribution map (divided by its
        largest absolute value: red for, blue against the class), and the masked images with the
        logit of the true class below.
    """
    set_style()
    names = printed_names(methods, "masking")
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
            names[method],
            transform=axes[row, 0].transAxes,
            ha="right",
            va="center",
            fontsize=8,
        )
    return figure
