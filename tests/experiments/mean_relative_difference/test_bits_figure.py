"""The figure of the relative difference by the bits of the products."""

from __future__ import annotations

import pandas as pd

from experiments.mean_relative_difference.bits_figure import plot_bits
from tests.experiments.figure_helpers import drawn_lines

ROWS = [
    ("alexnet", "x", "5 bits", 5, 40.0),
    ("alexnet", "x", "10 bits", 10, 1.0),
    ("vgg16", "x", "5 bits", 5, 50.0),
    ("vgg16", "x", "10 bits", 10, 2.0),
    ("alexnet", "x", "tf32", 10, 1.1),
    ("alexnet", "regular", "10 bits", 10, 99.0),
]
COLUMNS = ["network", "variant", "dtype", "mantissa_bits", "mard_percent"]
TABLE = pd.DataFrame(ROWS, columns=COLUMNS)
TABLE["architecture"] = TABLE["network"]
PAPER = pd.DataFrame(
    [("alexnet", "x", 1.2), ("fixup_resnet50", "x", 0.0), ("alexnet", "regular", 79.0)],
    columns=["architecture", "variant", "mard_percent"],
)


def test_lines_are_the_x_nets_and_the_published_values_that_are_not_zero():
    axes = plot_bits(TABLE, PAPER).axes[0]
    lines = drawn_lines(axes)
    assert lines[:2] == [([5, 10], [40.0, 1.0]), ([5, 10], [50.0, 2.0])]
    assert [y for _, y in lines[2:3]] == [[1.2, 1.2]]
    assert {text.get_text() for text in axes.texts} == {"paper, AlexNet: 1.2 %", "bfloat16", "TF32"}
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["AlexNet", "VGG16"]
    assert axes.get_yscale() == "log"


def test_a_run_without_rounded_x_nets_has_an_empty_figure():
    axes = plot_bits(TABLE[TABLE["dtype"] == "tf32"], PAPER).axes[0]
    assert [y for _, y in drawn_lines(axes)] == [[1.2, 1.2]]
