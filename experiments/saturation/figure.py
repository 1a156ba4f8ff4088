"""Figure: score and gradients along the path, and the derivative by a pixel on a random walk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from experiments.figures import set_style
from experiments.names import VARIANTS

__all__ = ["plot_saturation"]


def plot_saturation(
    rows: pd.DataFrame,
    maps: Mapping[str, Mapping[str, np.ndarray]],
    title: str,
    shown: Sequence[float],
) -> Figure:
    """Draw one image: three curves, and the gradients at some points of the path.

    Parameters
    ----------
    rows : pandas.DataFrame
        Columns as in `experiments.saturation.run.COLUMNS`, and ``variant``; of the first image.
    maps : mapping of str to mapping of str to numpy.ndarray
        By variant: ``image/ALPHA`` (N, C, H, W), 0 to 1, and ``gradient/ALPHA`` (N, H, W); of
        these the first is drawn.
    title : str
        Class of the image.
    shown : sequence of float
        The factors of the maps.

    Returns
    -------
    matplotlib.figure.Figure
        Above: the logit along the path, the cosine between the gradient there and that at the
        image, the derivative on the walk. Below: the faded image, and a row of gradients per
        variant, all divided by the largest absolute value of the row.
    """
    set_style()
    variants = list(dict.fromkeys(rows["variant"]))
    figure = Figure(figsize=(7.6, 2.5 + 1.25 * (1 + len(variants))))
    parts: Any = figure.subfigures(2, 1, height_ratios=[2.6, 1.25 * (1 + len(variants))])
    upper, lower = parts
    panels = upper.subplots(1, 3, gridspec_kw={"wspace": 0.45, "bottom": 0.22, "top": 0.88})
    for variant, colour in zip(variants, sns.color_palette("colorblind"), strict=False):
        own = rows[rows["variant"] == variant]
        path, walk = (own[own["line"] == line] for line in ("path", "walk"))
        named = {"color": colour, "label": VARIANTS[variant]}
        panels[0].plot(path["position"], path["score"], **named)
        panels[1].plot(path["position"].iloc[1:], path["cosine"].iloc[1:], **named)
        panels[2].plot(walk["position"], walk["derivative"], **named)
    panels[0].set(title="score", xlabel="factor α on the image", ylabel="logit of the true class")
    panels[1].set(title="direction of the gradient", xlabel="factor α on the image")
    panels[1].set_ylabel("cosine with α = 1")
    panels[2].set(title="one pixel", xlabel="steps of a random walk", ylabel="derivative")
    panels[0].legend()
    axes = lower.subplots(
        1 + len(variants),
        len(shown),
        squeeze=False,
        gridspec_kw={"wspace": 0.05, "hspace": 0.05, "top": 0.93, "bottom": 0.02, "left": 0.12},
    )
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
    for column, alpha in enumerate(shown):
        image = maps[variants[0]][f"image/{alpha}"][0].transpose(1, 2, 0)
        axes[0, column].imshow(image.squeeze(), cmap="gray", vmin=0, vmax=1)
        axes[0, column].set_title(f"α = {alpha:g}", fontsize=8)
    axes[0, 0].set_ylabel(title, fontsize=8)
    for row, variant in enumerate(variants, start=1):
        gradients = [maps[variant][f"gradient/{alpha}"][0] for alpha in shown]
        largest = max(np.abs(gradient).max() for gradient in gradients) or 1.0
        for column, gradient in enumerate(gradients):
            axes[row, column].imshow(gradient / largest, cmap="seismic", vmin=-1, vmax=1)
        axes[row, 0].set_ylabel(f"gradient,\n{VARIANTS[variant]}", fontsize=8)
    return figure
