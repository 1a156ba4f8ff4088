"""Figure: attribution maps of a few images at several contrasts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill

import numpy as np
from matplotlib.figure import Figure

from experiments.figures import set_style
from experiments.methods import printed_names
from experiments.names import VARIANTS

__all__ = ["plot_attribution_maps"]


def plot_attribution_maps(
    maps: Mapping[str, np.ndarray],
    classes: Sequence[str],
    alphas: Sequence[float],
    columns: Sequence[str],
) -> Figure:
    """Draw images and attribution maps, regular net alongside X-DNN, at several contrasts.

    Parameters
    ----------
    maps : mapping of str to numpy.ndarray
        ``image/ALPHA`` (N, C, H, W), 0 to 1, and ``VARIANT/METHOD/ALPHA`` (N, H, W), signed.
    classes : sequence of str
        The class of each of the N images.
    alphas : sequence of float
        The contrast factors.
    columns : sequence of str
        ``VARIANT/METHOD`` from left to right.

    Returns
    -------
    matplotlib.figure.Figure
        A row per image and contrast; a column for the image and per variant and method. Every
        map is divided by its own largest absolute value: red for, blue against the class.
    """
    set_style()
    names = printed_names((name.split("/")[1] for name in columns), "attribution_maps")
    rows = [(index, alpha) for index in range(len(classes)) for alpha in alphas]
    figure = Figure(figsize=(1.05 * (len(columns) + 1), 1.0 * len(rows) + 0.4))
    axes = figure.subplots(
        len(rows), len(columns) + 1, squeeze=False, gridspec_kw={"wspace": 0.05, "hspace": 0.08}
    )
    for row, (index, alpha) in enumerate(rows):
        image = maps[f"image/{alpha}"][index].transpose(1, 2, 0)
        axes[row, 0].imshow(image.squeeze(), cmap="gray", vmin=0, vmax=1)
        label = fill(classes[index], width=14)  # a row is not higher than that
        axes[row, 0].set_ylabel(f"{label}\nα = {alpha:g}", fontsize=7)
        for column, name in enumerate(columns, start=1):
            attribution = maps[f"{name}/{alpha}"][index]
            largest = np.abs(attribution).max() or 1.0
            axes[row, column].imshow(attribution / largest, cmap="seismic", vmin=-1, vmax=1)
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
    axes[0, 0].set_title("image", fontsize=8)
    for column, name in enumerate(columns, start=1):
        variant, method = name.split("/")
        # Not wider than the map below it.
        name = fill(names[method].replace("×Gradient", "×Grad."), width=13)
        axes[0, column].set_title(f"{VARIANTS[variant]}\n{name}", fontsize=8)
    return figure
