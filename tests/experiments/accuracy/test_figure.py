"""The figure of the accuracies."""

from __future__ import annotations

import pandas as pd

from experiments.accuracy.figure import plot_accuracy

ROWS = [
    ("vgg16", "regular", 90.0),
    ("vgg16", "stripped", 40.0),
    ("vgg16", "x", 85.0),
    ("alexnet", "regular", 80.0),
    ("alexnet", "x", 81.0),
]
TABLE = pd.DataFrame(ROWS, columns=["network", "variant", "top1"])
TABLE["architecture"] = TABLE["network"]


def marks(axes):
    """Return the accuracy of every mark by variant and net."""
    names = [label.get_text() for label in axes.get_yticklabels()]
    kinds = [text.get_text() for text in axes.get_legend().get_texts()]
    drawn = [line for line in axes.get_lines() if len(line.get_xdata())]
    return {
        (kind, names[round(y)]): x
        for kind, line in zip(kinds, drawn, strict=True)
        for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
        if x == x
    }


def test_a_mark_per_net_and_variant():
    (axes,) = plot_accuracy(TABLE).axes
    assert marks(axes) == {
        ("regular", "VGG16"): 90.0,
        ("stripped", "VGG16"): 40.0,
        ("X-DNN", "VGG16"): 85.0,
        ("regular", "AlexNet"): 80.0,
        ("X-DNN", "AlexNet"): 81.0,
    }
    assert axes.get_xlabel() == "top-1 accuracy (%)"


def test_variants_keep_their_marks_where_one_is_missing():
    (axes,) = plot_accuracy(TABLE.tail(2)).axes
    (whole,) = plot_accuracy(TABLE).axes
    kinds = [text.get_text() for text in axes.get_legend().get_texts()]
    assert kinds == ["regular", "X-DNN"]
    of_whole = [line.get_marker() for line in whole.get_lines() if len(line.get_xdata())]
    own = [line.get_marker() for line in axes.get_lines() if len(line.get_xdata())]
    assert own == [of_whole[0], of_whole[2]]
