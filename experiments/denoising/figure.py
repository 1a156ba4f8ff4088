"""Figure: PSNR and filters against the noise; images and effective filters at several of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from experiments.denoising.names import NETS
from experiments.figures import set_style

__all__ = ["plot_denoising"]

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def plot_denoising(
    table: pd.DataFrame,
    drawings: Mapping[str, Mapping[str, np.ndarray]],
    shown: Sequence[float],
    trained_up_to: float,
    reach: int,
) -> Figure:
    """Draw both nets, and the filters of the one without biases.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns ``net`` and those of `experiments.denoising.summary.summarise`.
    drawings : mapping of str to mapping of str to numpy.ndarray
        By net: what `experiments.denoising.run.explain` returns to look at.
    shown : sequence of float
        The noise of these.
    trained_up_to : float
        Largest noise of the training.
    reach : int
        How many pixels an output pixel sees in each direction.

    Returns
    -------
    matplotlib.figure.Figure
        Above: PSNR, net bias, and radius of the filters against the noise; what was trained is
        shaded. Below: a row for each noise with the noisy image, what both nets restore, and the
        filters of single output pixels, each divided by its largest absolute value.
    """
    set_style()
    pixels = drawings["bias_free"]["pixels"].tolist()[: len(_LETTERS)]
    n_columns = 1 + len(NETS) + len(pixels)
    height = 1.25 * len(shown) + 0.3
    figure = Figure(figsize=(max(7.6, 1.25 * n_columns), 2.6 + height))
    parts: Any = figure.subfigures(2, 1, height_ratios=[2.6, height])
    _plot_curves(parts[0], table, trained_up_to)
    axes = parts[1].subplots(
        len(shown),
        n_columns,
        squeeze=False,
        gridspec_kw={"wspace": 0.05, "hspace": 0.05, "top": 0.93, "bottom": 0.02, "left": 0.06},
    )
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
    for row, noise in enumerate(shown):
        axes[row, 0].set_ylabel(f"noise {noise:g}", fontsize=8)
        images = [drawings["bias_free"][f"noisy/{noise:g}"]]
        images += [drawings[net][f"restored/{noise:g}"] for net in NETS]
        for axis, image in zip(axes[row], images, strict=False):
            axis.imshow(image, cmap="gray", vmin=0, vmax=1)
        for letter, (y, x) in zip(_LETTERS, pixels, strict=False):
            axes[row, 0].plot(x, y, "s", markersize=4, markerfacecolor="none", color="cyan")
            label = axes[row, 0].annotate(
                letter, (x, y), (3, 3), textcoords="offset points", color="cyan", fontsize=8
            )
            label.set_path_effects([withStroke(linewidth=1.5, foreground="black")])
        filters = drawings["bias_free"][f"filters/{noise:g}"]
        for axis, weights, place in zip(axes[row, 1 + len(NETS) :], filters, pixels, strict=False):
            window = _window(weights, place, reach)
            largest = np.nanmax(np.abs(window)) or 1.0
            axis.imshow(window / largest, cmap="seismic", vmin=-1, vmax=1)
            axis.set_facecolor("0.85")
    titles = ["noisy", *NETS.values(), *(f"filter of {letter}" for letter in _LETTERS)]
    for axis, title in zip(axes[0], titles, strict=False):
        axis.set_title(title, fontsize=8)
    return figure


def _plot_curves(figure: Any, table: pd.DataFrame, trained_up_to: float) -> None:
    panels = figure.subplots(1, 3, gridspec_kw={"wspace": 0.42, "bottom": 0.2, "top": 0.88})
    for (key, name), colour in zip(NETS.items(), sns.color_palette("colorblind"), strict=False):
        own = table[table["net"] == key]
        named = {"color": colour, "label": name, "marker": "o", "markersize": 3}
        panels[0].plot(own["noise"], own["psnr_out"], **named)
        panels[1].plot(own["noise"], own["net_bias_percent"], **named)
        panels[2].plot(own["noise"], own["filter_radius"], **named)
    some = table[table["net"] == table["net"].iloc[0]]
    panels[0].plot(some["noise"], some["psnr_in"], color="0.5", linestyle="--", label="noisy")
    panels[0].set(title="restored images", ylabel="PSNR (dB)")
    panels[1].set(title="not explained by the filters", ylabel="net bias (%)")
    panels[2].set(title="size of the filters", ylabel="mean radius (pixels)")
    for panel in panels:
        panel.axvspan(0, trained_up_to, color="0.93", zorder=0)
        panel.set_xlim(left=0)
        panel.set_xlabel("noise (grey levels)")
    panels[0].legend(fontsize=7)


def _window(weights: np.ndarray, place: Sequence[int], reach: int) -> np.ndarray:
    """Cut out what an output pixel sees; NaN outside of the image."""
    padded = np.pad(weights, reach, constant_values=np.nan)
    row, column = place
    return padded[row : row + 2 * reach + 1, column : column + 2 * reach + 1]
