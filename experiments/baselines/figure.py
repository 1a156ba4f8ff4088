"""Figures: attributions of a few images from several baselines, and how their scores change."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from experiments.baselines.names import BASELINES
from experiments.figures import set_style
from experiments.names import VARIANTS
from experiments.networks.labels import network_names, variant_names

__all__ = ["PANELS", "plot_baseline_maps", "plot_baseline_scores", "plot_replacements"]

PANELS = {
    "rank_correlation": "rank correlation\nwith the map from zero",
    "KPM": "KPM ↑",
    "KNM": "KNM ↓",
}
"""Columns of the table that are drawn, with names for readers."""


def plot_baseline_maps(
    maps: Mapping[str, Mapping[str, np.ndarray]], classes: Sequence[str], keys: Sequence[str]
) -> Figure:
    """Draw attributions of a few images, a column for each baseline.

    Parameters
    ----------
    maps : mapping of str to mapping of str to numpy.ndarray
        By variant: ``image`` (N, C, H, W), 0 to 1; by baseline ``start/KEY`` (N, C, H, W) and
        ``map/KEY`` (N, H, W), and of nets without biases ``x_gradient/KEY`` (N, H, W) of those
        that a normalisation can have as its zero.
    classes : sequence of str
        The class of each of the N images.
    keys : sequence of str
        The baselines, in the order of the columns.

    Returns
    -------
    matplotlib.figure.Figure
        For every image the starts of the paths, a row of IG for each variant, and for nets without
        biases a row of XG with these zeros. Every map is divided by its largest absolute value.
    """
    set_style()
    first = next(iter(maps.values()))
    kinds = [
        (variant, kind)
        for variant, drawn in maps.items()
        for kind in ("map", "x_gradient")
        if any(name.startswith(f"{kind}/") for name in drawn)
    ]
    titles = {"map": "IG, {}", "x_gradient": "XG, {},\nwith this zero"}
    height = 1 + len(kinds)
    # A narrow empty row between two images.
    ratios = ([1.0] * height + [0.25]) * len(classes)
    figure = Figure(figsize=(1.02 * (1 + len(keys)) + 0.4, 1.05 * sum(ratios)))
    axes: Any = figure.subplots(
        len(ratios) - 1,
        1 + len(keys),
        squeeze=False,
        gridspec_kw={"height_ratios": ratios[:-1], "wspace": 0.05, "hspace": 0.05},
    )
    for axis in axes.flat:
        axis.set_axis_off()

    def show(row: int, column: int, image: np.ndarray, **options: Any) -> None:
        # Framed: a white image on a white page is none.
        axes[row, column].set(frame_on=True, xticks=[], yticks=[])
        axes[row, column].set_axis_on()
        axes[row, column].imshow(image, **options)

    for column, key in enumerate(keys, start=1):
        axes[0, column].set_title(fill(BASELINES[key].name, width=12), fontsize=8)
    for number, name in enumerate(classes):
        top = number * (height + 1)
        grey = {"cmap": "gray", "vmin": 0, "vmax": 1}
        show(top, 0, first["image"][number].transpose(1, 2, 0).squeeze(), **grey)
        axes[top, 0].set_title(name, fontsize=8)
        for column, key in enumerate(keys, start=1):
            start = first[f"start/{key}"][number]
            show(top, column, start.transpose(1, 2, 0).squeeze(), **grey)
        for row, (variant, kind) in enumerate(kinds, start=top + 1):
            for column, key in enumerate(keys, start=1):
                if f"{kind}/{key}" in maps[variant]:
                    values = maps[variant][f"{kind}/{key}"][number]
                    largest = np.abs(values).max() or 1.0
                    show(row, column, values / largest, cmap="seismic", vmin=-1, vmax=1)
            axes[row, 0].text(
                0.98,
                0.5,
                titles[kind].format(VARIANTS[variant]),
                transform=axes[row, 0].transAxes,
                ha="right",
                va="center",
                fontsize=8,
            )
    return figure


def plot_baseline_scores(table: pd.DataFrame) -> Figure:
    """Plot how far attributions move with the baseline, and their masking metrics.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns ``network``, ``architecture``, ``variant``, ``baseline``, and those of `PANELS` with
        ``NAME_low`` and ``NAME_high``.

    Returns
    -------
    matplotlib.figure.Figure
        A row per network and a column per panel; the variants side by side.
    """
    set_style()
    names = {key: BASELINES[key].name for key in dict.fromkeys(table["baseline"])}
    table = table.assign(net=network_names(table), kind=variant_names(table))
    networks, kinds = list(table["net"].unique()), list(table["kind"].unique())
    figure = Figure(figsize=(7.6, (0.7 + 0.28 * len(names)) * len(networks) + 0.3))
    axes: Any = figure.subplots(len(networks), len(PANELS), squeeze=False, sharey=True)
    rows = {key: row for row, key in enumerate(names)}
    colours = dict(zip(kinds, sns.color_palette("colorblind"), strict=False))
    for network, column, kind in itertools.product(networks, PANELS, kinds):
        part = table[(table["net"] == network) & (table["kind"] == kind)]
        axis = axes[networks.index(network), list(PANELS).index(column)]
        shift = 0.3 * (kinds.index(kind) - (len(kinds) - 1) / 2)
        axis.errorbar(
            part[column],
            part["baseline"].map(rows) + shift,
            xerr=[part[column] - part[f"{column}_low"], part[f"{column}_high"] - part[column]],
            fmt="o",
            markersize=4,
            capsize=2,
            color=colours[kind],
            label=kind,
        )
    for row, network in zip(axes, networks, strict=True):
        row[0].set_title(network)
        row[0].set_yticks(list(rows.values()), list(names.values()))
    axes[0, 0].invert_yaxis()
    for axis, name in zip(axes[-1], PANELS.values(), strict=True):
        axis.set_xlabel(name)
    figure.tight_layout()
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="lower center", bbox_to_anchor=(0.5, -0.06), ncols=len(kinds)
    )
    return figure


def plot_replacements(table: pd.DataFrame) -> Figure:
    """Draw KPM by the baseline of the attribution and by what masked pixels are replaced by.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns ``network``, ``architecture``, ``variant``, ``replacement``, ``baseline`` and
        ``KPM``.

    Returns
    -------
    matplotlib.figure.Figure
        A panel per network (down) and variant (across), a row per replacement. Colours rank the
        baselines of a row; a frame is around the one that is also the replacement.
    """
    set_style()
    table = table.assign(net=network_names(table), kind=variant_names(table))
    networks, kinds = list(table["net"].unique()), list(table["kind"].unique())
    columns = list(dict.fromkeys(table["baseline"]))
    rows = list(dict.fromkeys(table["replacement"]))
    figure = Figure(
        figsize=(
            (0.52 * len(columns) + 0.4) * len(kinds) + 1.2,
            (0.36 * len(rows) + 1.3) * len(networks),
        )
    )
    axes: Any = figure.subplots(len(networks), len(kinds), squeeze=False, sharey=True)
    for network, kind in itertools.product(networks, kinds):
        axis = axes[networks.index(network), kinds.index(kind)]
        part = table[(table["net"] == network) & (table["kind"] == kind)]
        if part.empty:
            axis.set_axis_off()
            continue
        values = part.pivot(index="replacement", columns="baseline", values="KPM")
        values = values.loc[rows, columns]
        ranks = values.rank(axis="columns")
        axis.imshow(ranks, cmap="Blues", vmin=0, vmax=1.4 * len(columns), aspect="auto")
        for row, column in itertools.product(range(len(rows)), range(len(columns))):
            axis.text(
                column, row, f"{values.iloc[row, column]:.1f}", ha="center", va="center", fontsize=7
            )
            if rows[row] == columns[column]:
                corner = (column - 0.5, row - 0.5)
                axis.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor="C3", linewidth=1.8))
        names = [BASELINES[key].name for key in columns]
        axis.set_xticks(range(len(columns)), names, rotation=40, ha="right", fontsize=8)
        axis.set_yticks(range(len(rows)), [BASELINES[key].name for key in rows], fontsize=8)
        axis.set_title(f"{network}, {kind}")
        axis.set_xlabel("baseline of the attribution")
        axis.grid(False)
    for row in axes:
        row[0].set_ylabel("masked pixels become")
    figure.tight_layout()
    return figure
