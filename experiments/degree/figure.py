"""Figure: IG, its closed form, and Input×Gradient, of nets of several degrees."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from experiments.degree.names import NETS
from experiments.figures import set_style

__all__ = ["plot_degree"]

_COLUMNS = {"ig": "IG", "closed_form": "x · ∇F / k", "input_x_gradient": "x · ∇F"}


def plot_degree(maps: Mapping[str, Mapping[str, np.ndarray]]) -> Figure:
    """Draw the attributions of one image.

    Parameters
    ----------
    maps : mapping of str to mapping of str to numpy.ndarray
        By net: what `experiments.degree.run.example_maps` returns.

    Returns
    -------
    matplotlib.figure.Figure
        A row per net; its maps are divided by the largest absolute value of IG, so that what is
        too large is saturated.
    """
    set_style()
    figure = Figure(figsize=(5.6, 1.35 * len(maps) + 0.3))
    axes: Any = figure.subplots(
        len(maps), 1 + len(_COLUMNS), squeeze=False, gridspec_kw={"wspace": 0.05, "hspace": 0.08}
    )
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
    for row, (key, drawn) in enumerate(maps.items()):
        axes[row, 0].imshow(drawn["image"], cmap="gray", vmin=0, vmax=1)
        net = NETS[key]
        axes[row, 0].set_ylabel(f"{fill(net.name, width=14)}\nk = {net.degree}", fontsize=8)
        largest = np.abs(drawn["ig"]).max() or 1.0
        for column, name in enumerate(_COLUMNS, start=1):
            axes[row, column].imshow(drawn[name] / largest, cmap="seismic", vmin=-1, vmax=1)
    axes[0, 0].set_title("image", fontsize=9)
    for column, title in enumerate(_COLUMNS.values(), start=1):
        axes[0, column].set_title(title, fontsize=9)
    return figure
