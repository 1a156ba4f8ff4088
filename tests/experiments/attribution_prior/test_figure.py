"""The figures of training with attribution priors."""

from __future__ import annotations

import pandas as pd
import pytest

from experiments.attribution_prior.figure import (
    plot_eg_references,
    plot_prior_auc,
    plot_prior_cost,
)
from tests.experiments.figure_helpers import drawn_lines, titles

NAN = float("nan")
TABLE = pd.DataFrame(
    [
        ("unregularised", 0, 0.0, True, 0.70, 0.68, 0.73, 1.0),
        ("x_gradient", 1, 0.1, False, 0.90, 0.88, 0.93, 2.0),
        ("x_gradient", 1, 1.0, True, 0.76, 0.75, 0.78, 2.0),
        ("unregularised_without_bias", 0, 0.0, True, 0.71, 0.69, 0.72, 0.9),
        ("expected_gradients", 2, 1.0, True, 0.74, 0.72, 0.77, 3.0),
        ("ig", 32, 1.0, True, NAN, NAN, NAN, 25.0),
    ],
    columns=[
        *("method", "n_gradients", "lambda", "selected"),
        *("test_auc", "test_auc_low", "test_auc_high", "relative_cost"),
    ],
).assign(dataset="nhefs", n_reps=30)
PAPER = pd.DataFrame(
    [
        ("A", "x_gradient", 0.77, 0.002, 1.0),
        ("A", "unregularised", 0.71, 0.003, NAN),
        ("A", "unregularised_without_bias", 0.706, 0.002, NAN),
        ("A", "expected_gradients", 0.75, 0.002, 1.0),
        ("A", "rrr", 0.72, 0.002, 0.1),
        ("B", "x_gradient", 0.767, 0.002, 1.0),
        ("B", "unregularised", 0.704, 0.003, NAN),
        ("B", "unregularised_without_bias", 0.705, 0.002, NAN),
        ("B", "expected_gradients", 0.748, 0.002, 1.0),
        ("B", "rrr", 0.719, 0.002, 0.1),
    ],
    columns=["run", "method", "test_auc_mean", "test_auc_sem", "best_lambda"],
)


def labels(axes):
    return [text.get_text() for text in axes.get_xticklabels()]


def errors(container):
    """Return the ends of the error bars of bars."""
    (bars,) = container.errorbar.lines[2]
    return [sorted(y for _, y in segment) for segment in bars.get_segments()]


def test_bars_are_the_scores_at_the_selected_strengths():
    figure = plot_prior_auc(TABLE, PAPER)
    ours = figure.axes[0]
    assert "nhefs, 30 repetitions" in titles(figure)[0]
    assert labels(ours) == ["Unreg.", "XG\nλ = 1", "Unreg.\nw/o bias", "EG (2)\nλ = 1"]
    # IG was trained for its cost and has no score.
    assert [bar.get_height() for bar in ours.containers[1]] == [0.70, 0.76, 0.71, 0.74]
    ends = [(0.68, 0.73), (0.75, 0.78), (0.69, 0.72), (0.72, 0.77)]
    for found, expected in zip(errors(ours.containers[1]), ends, strict=True):
        assert found == pytest.approx(list(expected))


def test_the_released_runs_are_beside_in_our_order():
    figure = plot_prior_auc(TABLE, PAPER)
    theirs = figure.axes[1]
    assert labels(theirs) == ["Unreg.", "XG\nλ = 1", "Unreg.\nw/o bias", "EG (1)\nλ = 1"]
    legend = theirs.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["run A", "run B"]
    bars = [container for container in theirs.containers if hasattr(container, "patches")]
    # RRR, which was not trained here, has no bar.
    assert [[bar.get_height() for bar in each] for each in bars] == [
        [0.71, 0.77, 0.706, 0.75],
        [0.704, 0.767, 0.705, 0.748],
    ]
    low, high = errors(bars[0])[1]
    assert (low, high) == pytest.approx((0.77 - 1.96 * 0.002, 0.77 + 1.96 * 0.002))


def test_the_axis_begins_at_chance_unless_someone_is_worse():
    assert plot_prior_auc(TABLE, PAPER).axes[0].get_ylim()[0] == 0.5
    worse = TABLE.assign(test_auc_low=TABLE["test_auc_low"] - 0.3)
    assert plot_prior_auc(worse, PAPER).axes[0].get_ylim()[0] == pytest.approx(0.36)


def test_the_curve_of_references_beside_xg_and_the_paper():
    curve = pd.DataFrame(
        {
            "dataset": "nhefs",
            "n_references": [1, 4],
            "lambda": 1.0,
            "n_reps": 10,
            "test_auc": [0.6, 0.65],
            "test_auc_sem": [0.01, 0.02],
            "xg_lambda": 0.1,
            "xg_test_auc": 0.66,
            "xg_test_auc_sem": 0.03,
        }
    )
    paper = pd.DataFrame(
        {
            "run": ["A", "A", "B", "B"],
            "n_references": [1, 2, 1, 2],
            "lambda": 1.0,
            "test_auc_mean": [0.75, 0.76, 0.74, 0.755],
        }
    )
    figure = plot_eg_references(curve, paper, PAPER)
    ours, theirs = figure.axes
    assert "nhefs, 10 repetitions" in titles(figure)[0]
    assert drawn_lines(ours)[0] == ([1, 4], [0.6, 0.65])
    (bars,) = ours.containers[0].lines[2]
    ends = [[y for _, y in segment] for segment in bars.get_segments()]
    assert ends[0] == pytest.approx([0.59, 0.61]) and ends[1] == pytest.approx([0.63, 0.67])
    assert ([0, 1], [0.66, 0.66]) in drawn_lines(ours)
    texts = [text.get_text() for text in ours.get_legend().get_texts()]
    assert sorted(texts) == ["EG (k), λ = 1", "XG, λ = 0.1"]
    assert drawn_lines(theirs) == [
        ([1, 2], [0.75, 0.76]),
        ([0, 1], [0.77, 0.77]),
        ([1, 2], [0.74, 0.755]),
        ([0, 1], [0.767, 0.767]),
    ]
    for axes in (ours, theirs):
        assert axes.get_xscale() == "log" and list(axes.get_xticks()) == [1, 2, 4]


def test_costs_are_bars_from_1_with_their_values():
    (axes,) = plot_prior_cost(TABLE).axes
    names = [text.get_text() for text in axes.get_yticklabels()]
    assert names == ["Unreg.", "XG", "Unreg. w/o bias", "EG (2)", "IG (32)"]
    ends = [bar.get_x() + bar.get_width() for bar in axes.patches]
    assert ends == pytest.approx([1.0, 2.0, 0.9, 3.0, 25.0])
    assert all(bar.get_x() == 1 for bar in axes.patches)
    assert [text.get_text() for text in axes.texts] == ["1×", "2×", "0.9×", "3×", "25×"]
    assert axes.get_xscale() == "log" and axes.yaxis_inverted()
