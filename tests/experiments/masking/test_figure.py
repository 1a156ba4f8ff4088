"""The figures of the masking metrics."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from experiments.masking.figure import plot_masked_images, plot_masking_curves
from tests.experiments.figure_helpers import drawn_lines, legend_texts, titles

METHODS = {
    "regular": ["random", "ig", "input_x_gradient"],
    "x": ["random", "ig", "x_gradient", "input_x_gradient"],
}
CURVES = ["KPM", "KNM", "KAM", "RAM", "RPM", "insertion"]
FRACTIONS = [0.01, 1.0]


def score(variant, method, curve, fraction):
    return len(variant) + 10 * len(method) + 100 * CURVES.index(curve) + fraction


TABLE = pd.DataFrame(
    [
        {
            "network": "alexnet",
            "architecture": "alexnet",
            "variant": variant,
            "method": method,
            "curve": curve,
            "fraction": fraction,
            "score": score(variant, method, curve, fraction),
        }
        for variant, methods in METHODS.items()
        for method in methods
        for curve in CURVES
        for fraction in FRACTIONS
    ]
)


def test_the_four_metrics_of_the_paper_in_rows_and_the_nets_in_columns():
    figure = plot_masking_curves(TABLE)
    assert titles(figure) == [
        f"{metric}   AlexNet, {net}"
        for metric in ("KPM ↑", "KNM ↓", "KAM ↑", "RAM ↓")
        for net in ("regular", "X-DNN")
    ]
    # In the order of the configuration, although the first net lacks XG.
    assert legend_texts(figure) == ["Random", "IG", "XG", "Input×Gradient"]
    logit, percent = "logit of the true class", "top-1 accuracy (%)"
    assert [axes.get_ylabel() for axes in figure.axes[::2]] == [logit, logit, percent, percent]
    assert {axes.get_xscale() for axes in figure.axes} == {"log"}


def test_lines_are_those_of_the_table_in_the_order_of_the_methods():
    figure = plot_masking_curves(TABLE)
    panels = [(c, v) for c in ("KPM", "KNM", "KAM", "RAM") for v in ("regular", "x")]
    for axes, (curve, variant) in zip(figure.axes, panels, strict=True):
        # Drawn from the thickest, which is below; what is not there is not drawn.
        expected = [
            (FRACTIONS, [score(variant, method, curve, fraction) for fraction in FRACTIONS])
            for method in METHODS[variant]
        ]
        assert drawn_lines(axes) == expected


def test_a_method_has_one_colour_and_width_in_all_panels_and_ig_is_below_xg():
    figure = plot_masking_curves(TABLE)
    handles = figure.legends[0].legend_handles
    looks = [(handle.get_color(), handle.get_linewidth()) for handle in handles]
    random, ig, xg, input_x_gradient = looks
    assert ig[1] > xg[1] > input_x_gradient[1] == random[1]
    for index, axes in enumerate(figure.axes):
        lines = [line for line in axes.get_lines() if len(line.get_xdata())]
        found = [(line.get_color(), line.get_linewidth()) for line in lines]
        assert found == (looks if index % 2 else [random, ig, input_x_gradient])


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match="unknown method 'rand'"):
        plot_masking_curves(TABLE.replace("random", "rand"))


# --- masked images -------------------------------------------------------------------------------

CLASSES, KEPT = ["boot", "bag"], [0.01, 0.2, 1.0]


MASKED = ["random", "ig", "x_gradient"]


def tensors():
    draws = np.random.default_rng(0)
    arrays = {name: draws.random((2, 1, 5, 5)) for name in ("image", "blurred")}
    arrays |= {"image/logit": np.array([1.25, 2.0]), "blurred/logit": np.array([-1.0, 0.04])}
    for method in MASKED:
        arrays[f"{method}/map"] = draws.normal(size=(2, 5, 5))
        arrays[f"{method}/masked"] = draws.random((2, 3, 1, 5, 5))
        arrays[f"{method}/logit"] = draws.normal(size=(2, 3))
    return arrays


def shown(axes):
    (image,) = axes.get_images()
    return np.asarray(image.get_array())


def test_masked_images_are_drawn_with_their_logits():
    arrays, methods = tensors(), MASKED
    figure = plot_masked_images(arrays, CLASSES, methods, KEPT)
    # Four columns per image, with an empty one between two images.
    grid = np.array(figure.axes).reshape(4, 9)
    assert not [axes for axes in grid[:, 4] if axes.get_images()]
    assert [axes.get_title() for axes in grid[0, :2]] == ["boot\nlogit 1.2", "blurred\nlogit -1.0"]
    assert [axes.get_title() for axes in grid[0, 5:7]] == ["bag\nlogit 2.0", "blurred\nlogit 0.0"]
    above = ["attribution", "best 1 %", "best 20 %", "best 100 %"]
    assert [axes.get_title() for axes in grid[1]] == [*above, "", *above]
    for index, left in enumerate((0, 5)):
        np.testing.assert_array_equal(shown(grid[0, left]), arrays["image"][index, 0])
        np.testing.assert_array_equal(shown(grid[0, left + 1]), arrays["blurred"][index, 0])
        for row, method in enumerate(methods, start=1):
            values = arrays[f"{method}/map"][index]
            np.testing.assert_allclose(shown(grid[row, left]), values / np.abs(values).max())
            for column in range(3):
                axes = grid[row, left + 1 + column]
                masked = arrays[f"{method}/masked"][index, column, 0]
                np.testing.assert_array_equal(shown(axes), masked)
                logit = arrays[f"{method}/logit"][index, column]
                assert [text.get_text() for text in axes.texts] == [f"{logit:.1f}"]
    names = [axes.texts[0].get_text() for axes in grid[1:, 0]]
    assert names == ["Random", "IG", "XG"]


def test_an_attribution_of_zeros_is_drawn():
    arrays = tensors()
    arrays["ig/map"][:] = 0.0
    figure = plot_masked_images(arrays, CLASSES, ["ig"], KEPT)
    assert not shown(np.array(figure.axes).reshape(2, 9)[1, 0]).any()
