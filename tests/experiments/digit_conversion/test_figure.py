"""The figures of the digit conversion."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from experiments.digit_conversion.figure import plot_digit_conversion, plot_digit_example
from tests.experiments.figure_helpers import legend_texts, titles

METHODS = ["input_x_gradient", "x_gradient", "deeplift_rescale"]
NAMES = ["Input×Gradient", "XG on the X-DNN", "DeepLIFT: Rescale"]
SCORES = {
    (weights, task, method): [base + value for value in (0.0, 1.0, 2.0, 3.0, 10.0)]
    for base, (weights, task, method) in enumerate(
        (weights, task, method)
        for weights in ("trained", "published")
        for task in ("8->3", "9->1")
        for method in METHODS
    )
}
TABLE = pd.DataFrame(
    [
        {"weights": weights, "task": task, "method": method, "score": score}
        for (weights, task, method), scores in SCORES.items()
        for score in scores
    ]
)
PAPER = pd.DataFrame(
    [("8->3", "deeplift_rescale", 50.0), ("8->3", "input_x_gradient", 40.0)],
    columns=["task", "method", "median"],
)


def boxes(axes):
    """Return median and quartiles of the boxes, from left to right."""
    found = []
    for box in axes.patches:
        left, right = box.get_path().get_extents().intervalx
        middle = (left + right) / 2
        quartiles = box.get_path().get_extents().intervaly
        (median,) = (
            line.get_ydata()[0]
            for line in axes.get_lines()
            if len(line.get_xdata()) == 2
            and line.get_ydata()[0] == line.get_ydata()[1]
            and line.get_xdata()[0] == pytest.approx(left)
            and line.get_xdata()[1] == pytest.approx(right)
        )
        found.append((middle, float(median), *map(float, quartiles)))
    return [numbers for _, *numbers in sorted(found)]


def diamonds(axes):
    """Return the marks of the published medians."""
    lines = [line for line in axes.get_lines() if line.get_marker() == "D"]
    return [list(zip(line.get_xdata(), line.get_ydata(), strict=True)) for line in lines]


def test_a_row_per_weights_a_panel_per_task_a_box_per_method():
    figure = plot_digit_conversion(TABLE, PAPER)
    assert titles(figure) == [
        *("8→3, trained here", "9→1, trained here"),
        *("8→3, published weights", "9→1, published weights"),
    ]
    assert [text.get_text() for text in figure.axes[2].get_xticklabels()] == NAMES
    panels = [(w, t) for w in ("trained", "published") for t in ("8->3", "9->1")]
    for axes, (weights, task) in zip(figure.axes, panels, strict=True):
        expected = [np.percentile(SCORES[weights, task, m], [50, 25, 75]) for m in METHODS]
        np.testing.assert_allclose(boxes(axes), expected)


def test_published_medians_are_on_the_published_weights_alone():
    figure = plot_digit_conversion(TABLE, PAPER)
    marks = [diamonds(axes) for axes in figure.axes]
    assert marks == [[], [], [[(0, 40.0), (2, 50.0)]], [[]]]
    assert legend_texts(figure) == ["published median (digitised)"]
    trained = plot_digit_conversion(TABLE[TABLE["weights"] == "trained"], PAPER)
    assert len(trained.axes) == 2 and legend_texts(trained) == []
    assert [diamonds(axes) for axes in trained.axes] == [[], []]


def test_a_method_that_was_not_measured_for_a_task_leaves_its_place_empty():
    missing = (TABLE["task"] == "9->1") & (TABLE["method"] == "x_gradient")
    figure = plot_digit_conversion(TABLE[~missing], PAPER)
    assert len(boxes(figure.axes[0])) == 3
    assert len(boxes(figure.axes[1])) == 2


def test_the_example_has_a_row_per_method_with_a_scale_of_its_own():
    draws = np.random.default_rng(0)
    image = 255 * draws.random((6, 6))
    tensors = {"image": image}
    for scale, (method, score) in enumerate(zip(METHODS[:2], (123.4, -5.67), strict=True), start=1):
        tensors[f"{method}/contributions"] = scale * draws.normal(size=(2, 6, 6))
        tensors[f"{method}/masked"] = image * (draws.random((6, 6)) > 0.5)
        tensors[f"{method}/score"] = np.array(score)
    figure = plot_digit_example(tensors, (8, 3), (8, 0), METHODS[:2], 1234)
    assert titles(figure) == [
        *("test image 1234", "logit of 8", "logit of 0", "8→3, after erasing"),
        *[""] * 4,
    ]
    rows = figure.axes[:4], figure.axes[4:]
    for axes, method in zip(rows, METHODS[:2], strict=True):
        images = [np.asarray(each.get_images()[0].get_array()) for each in axes]
        np.testing.assert_array_equal(images[0], image)
        np.testing.assert_array_equal(images[3], tensors[f"{method}/masked"])
        contributions = tensors[f"{method}/contributions"]
        np.testing.assert_allclose(images[1:3], contributions / np.abs(contributions).max())
        assert [each.get_images()[0].get_clim() for each in axes] == [
            *((0, 255), (-1, 1), (-1, 1), (0, 255))
        ]
    written = [[text.get_text() for each in axes for text in each.texts] for axes in rows]
    assert written == [
        ["Input×Gradient", "+123", "log-odds\nchange"],
        ["XG on the X-DNN", "-5.7"],
    ]
