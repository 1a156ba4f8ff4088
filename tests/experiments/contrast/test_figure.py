"""The figure of accuracy against contrast."""

from __future__ import annotations

import pandas as pd

from experiments.contrast.figure import plot_contrast
from tests.experiments.figure_helpers import drawn_lines, legend_texts, titles

ROWS = [
    ("vgg16", "regular", 1.0, 90.0),
    ("vgg16", "regular", 0.1, 30.0),
    ("vgg16", "x", 1.0, 85.0),
    ("vgg16", "x", 0.1, 85.0),
    ("alexnet", "regular", 1.0, 80.0),
    ("alexnet", "regular", 0.1, 20.0),
]
TABLE = pd.DataFrame(ROWS, columns=["network", "variant", "alpha", "top1"])
TABLE["architecture"] = TABLE["network"]


def test_a_panel_per_network_and_a_line_per_variant():
    figure = plot_contrast(TABLE)
    # In the order of the table.
    assert titles(figure) == ["VGG16", "AlexNet"]
    assert legend_texts(figure) == ["regular", "X-DNN"]
    vgg, alexnet = figure.axes
    assert drawn_lines(vgg) == [([0.1, 1.0], [30.0, 90.0]), ([0.1, 1.0], [85.0, 85.0])]
    # Nothing is drawn for a variant that was not measured.
    assert drawn_lines(alexnet) == [([0.1, 1.0], [20.0, 80.0])]


def test_contrast_falls_from_left_to_right():
    figure = plot_contrast(TABLE)
    for axes in figure.axes:
        assert axes.xaxis_inverted() and not axes.yaxis_inverted()
    assert figure.axes[0].get_xlabel() == "contrast factor α"
    assert figure.axes[0].get_ylabel() == "top-1 accuracy (%)"


def test_a_single_net_is_enough():
    figure = plot_contrast(TABLE.tail(2))
    assert titles(figure) == ["AlexNet"] and legend_texts(figure) == ["regular"]
