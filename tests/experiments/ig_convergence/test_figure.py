"""The figure of the convergence of IG."""

from __future__ import annotations

import pandas as pd
import pytest

from experiments.ig_convergence.figure import plot_convergence
from tests.experiments.figure_helpers import drawn_lines, legend_texts, titles

ROWS = [
    ("alexnet", variant, method, n_steps, value * factor)
    for variant, factor in (("regular", 1.0), ("x", 0.01))
    for method, values in (
        ("gausslegendre", [(1, 0.5), (4, 0.1)]),
        ("riemann_trapezoid", [(4, 0.3)]),
    )
    for n_steps, value in values
]
COLUMNS = ["network", "variant", "method", "n_steps", "mean_abs_difference"]
TABLE = pd.DataFrame(ROWS, columns=COLUMNS).assign(architecture="alexnet", reference="steps")
PAPER = pd.DataFrame({"n_steps": [1, 2], "abs_difference_to_ig300": [0.004, 0.002]})


def test_lines_are_those_of_the_table_and_the_paper_is_beside_regular_nets():
    figure = plot_convergence(TABLE, PAPER)
    assert titles(figure) == ["regular AlexNet", "X-DNN AlexNet"]
    regular, x = figure.axes
    paper = ([1, 2], [0.004, 0.002])
    assert drawn_lines(regular) == [([1, 4], [0.5, 0.1]), ([4], [0.3]), paper]
    (steps, values), trapezoid = drawn_lines(x)
    assert steps == [1, 4] and values == pytest.approx([0.005, 0.001])
    assert trapezoid[0] == [4]
    expected = ["Gauss-Legendre", "trapezoid", "paper (net not named)"]
    assert legend_texts(figure) == expected
    for axes in figure.axes:
        assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
        assert list(axes.get_xticks()) == [1, 4]
    assert [text.get_text() for text in x.get_xticklabels()] == ["1", "4"]


def test_errors_of_regular_nets_against_the_exact_integral_have_a_row_of_their_own():
    other = TABLE[TABLE["variant"] == "regular"].assign(network="vgg16", architecture="vgg16")
    exact = TABLE.assign(reference="exact", method="by_changes")
    exact = exact.drop_duplicates(["variant", "n_steps"])
    figure = plot_convergence(pd.concat([TABLE, other, exact]), PAPER)
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title() for axes in shown] == [
        *("regular AlexNet", "regular VGG16", "X-DNN AlexNet", "regular, against exact IG: AlexNet")
    ]
    assert drawn_lines(shown[-1]) == [([1, 4], [0.5, 0.1])]
    assert "midpoint, nodes by changes" in legend_texts(figure)


def test_without_a_regular_net_there_is_no_line_of_the_paper():
    figure = plot_convergence(TABLE[TABLE["variant"] == "x"], PAPER)
    assert titles(figure) == ["X-DNN AlexNet"]
    assert len(drawn_lines(figure.axes[0])) == 2
    assert legend_texts(figure) == ["Gauss-Legendre", "trapezoid"]
