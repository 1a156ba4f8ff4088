"""The contents of a figure, read from its axes."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

__all__ = ["drawn_lines", "legend_texts", "titles"]


def titles(figure: Figure) -> list[str]:
    """Return the titles of the axes in their order, on one line each."""
    return [axes.get_title().replace("\n", " ") for axes in figure.axes]


def legend_texts(figure: Figure) -> list[str]:
    """Return the entries of the legends that belong to the figure, without empty titles."""
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def drawn_lines(axes: Axes) -> list[tuple[list[float], list[float]]]:
    """Return x and y of the lines that have points, without those of the legend."""
    lines = [line for line in axes.get_lines() if len(line.get_xdata())]
    return [(list(line.get_xdata()), list(line.get_ydata())) for line in lines]
