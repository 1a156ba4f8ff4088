"""The figure of the differences between IG and Input×Gradient."""

from __future__ import annotations

import pandas as pd

from experiments.mean_relative_difference.figure import plot_mean_relative_difference
from tests.experiments.figure_helpers import legend_texts, titles

ROWS = [
    ("vgg16", "regular", "tf32", 91.0),
    ("vgg16", "regular", "float64", 90.0),
    ("vgg16", "x", "tf32", 2.0),
    ("vgg16", "x", "float64", 1e-14),
    ("alexnet", "regular", "float64", 80.0),
    ("alexnet", "x", "float64", 1e-13),
    ("alexnet", "x", "10 bits", 3.0),
]
TABLE = pd.DataFrame(ROWS, columns=["network", "variant", "dtype", "mard_percent"])
TABLE["architecture"] = TABLE["network"]


def test_a_panel_per_net_a_row_per_arithmetic_and_a_mark_per_variant():
    figure = plot_mean_relative_difference(TABLE)
    assert titles(figure) == ["VGG16", "AlexNet"]
    assert legend_texts(figure) == ["regular", "X-DNN"]
    vgg, alexnet = figure.axes
    assert [label.get_text() for label in vgg.get_yticklabels()] == ["float64", "TF32"]
    drawn = [list(line.get_xdata()) for line in vgg.get_lines() if len(line.get_xdata())]
    assert drawn == [[90.0, 91.0], [1e-14, 2.0]]
    assert {x for line in alexnet.get_lines() for x in line.get_xdata() if x == x} == {80.0, 1e-13}
    assert vgg.get_xscale() == alexnet.get_xscale() == "log"
    assert vgg.get_xlabel() == "MARD (%)"


def test_one_variant_is_enough():
    assert legend_texts(plot_mean_relative_difference(TABLE.query("variant == 'x'"))) == ["X-DNN"]
