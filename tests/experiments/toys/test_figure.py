"""The figure of the toy functions."""

from __future__ import annotations

import pandas as pd
import pytest

from experiments.toys.figure import plot_toys
from tests.experiments.figure_helpers import drawn_lines, legend_texts, titles


def rows(toy, method, inputs, values):
    return [
        {
            "toy": toy,
            "formula": f"f of {toy}",
            "along": f"line of {toy}",
            "position": float(position),
            "output": 10.0 * position,
            "method": method,
            "input": name,
            "attribution": values[name] * position,
        }
        for position in range(3)
        for name in inputs
    ]


TABLE = pd.DataFrame(
    rows("minimum", "deeplift_rescale", ["i1", "i2"], {"i1": 1.0, "i2": 2.0})
    + rows("minimum", "gradient", ["i1", "i2"], {"i1": 3.0, "i2": 4.0})
    + rows("threshold", "deeplift_rescale", ["x"], {"x": 5.0})
    + rows("threshold", "gradient", ["x"], {"x": 6.0})
)


def test_a_row_per_function_and_a_column_per_method_in_the_order_of_the_table():
    figure = plot_toys(TABLE)
    assert titles(figure) == ["DeepLIFT: Rescale", "Grad", "", ""]
    labels = [axes.get_ylabel() for axes in figure.axes]
    assert labels == ["minimum\nf of minimum", "", "threshold\nf of threshold", ""]
    assert [axes.get_xlabel() for axes in figure.axes] == [
        *["line of minimum"] * 2,
        *["line of threshold"] * 2,
    ]
    assert legend_texts(figure) == ["attribution to i1, or to x", "attribution to i2", "output"]


def test_lines_are_the_output_and_the_attribution_to_every_input():
    figure = plot_toys(TABLE)
    x = [0.0, 1.0, 2.0]
    drawn = [[values for _, values in drawn_lines(axes)] for axes in figure.axes]
    assert all(positions == x for axes in figure.axes for positions, _ in drawn_lines(axes))
    output = [0.0, 10.0, 20.0]
    assert drawn == [
        [output, [0.0, 1.0, 2.0], [0.0, 2.0, 4.0]],
        [output, [0.0, 3.0, 6.0], [0.0, 4.0, 8.0]],
        [output, [0.0, 5.0, 10.0]],
        [output, [0.0, 6.0, 12.0]],
    ]
    # x has the colour of the first input, as the legend says.
    colours = [figure.axes[index].get_lines()[1].get_color() for index in (0, 2)]
    assert colours[0] == colours[1] == figure.legends[0].legend_handles[0].get_color()


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match="unknown method 'saliency'"):
        plot_toys(TABLE.replace("gradient", "saliency"))
