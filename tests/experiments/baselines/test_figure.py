"""Figures of the baselines: every number and every map is there."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from experiments.baselines.figure import (
    PANELS,
    plot_baseline_maps,
    plot_baseline_scores,
    plot_replacements,
)

KEYS = ["zero", "black", "uniform_noise"]
NET = {"dataset": "fashion_mnist", "network": "alexnet", "architecture": "alexnet"}


def test_maps_have_a_row_per_variant_and_one_for_x_gradient():
    random = np.random.default_rng(0)
    maps = {
        variant: {"image": random.random((2, 1, 5, 5))}
        | {f"start/{key}": random.random((2, 1, 5, 5)) for key in KEYS}
        | {f"map/{key}": random.normal(size=(2, 5, 5)) for key in KEYS}
        for variant in ("regular", "x")
    }
    maps["x"] |= {f"x_gradient/{key}": random.normal(size=(2, 5, 5)) for key in ("zero", "black")}
    figure = plot_baseline_maps(maps, ["shirt", "coat"], KEYS)
    # Per image: itself and three starts, two rows of IG and one of XG without that of noise.
    shown = [axis.images[0].get_array() for axis in figure.axes if axis.images]
    assert len(shown) == 2 * (4 + 3 + 3 + 2)
    titles = {axis.get_title() for axis in figure.axes} - {""}
    assert titles == {"shirt", "coat", "zero", "black", "uniform\nnoise"}
    texts = [text.get_text() for axis in figure.axes for text in axis.texts]
    assert texts == ["IG, regular", "IG, X-DNN", "XG, X-DNN,\nwith this zero"] * 2
    # Every map has a scale of its own.
    assert abs(shown[4]).max() == pytest.approx(1)
    expected = maps["regular"]["map/zero"][0]
    np.testing.assert_allclose(shown[4], expected / np.abs(expected).max())


def test_scores_are_drawn_with_their_intervals():
    rows = [
        {**NET, "variant": variant, "baseline": key}
        | {
            name: value
            for number, panel in enumerate(PANELS)
            for base in [number + position + 0.1 * (variant == "x")]
            for name, value in (
                (panel, base),
                (f"{panel}_low", base - 0.5),
                (f"{panel}_high", base + 1),
            )
        }
        for variant in ("regular", "x")
        for position, key in enumerate(KEYS)
    ]
    table = pd.DataFrame(rows)
    figure = plot_baseline_scores(table)
    assert len(figure.axes) == len(PANELS)
    for axis, panel in zip(figure.axes, PANELS, strict=True):
        drawn = [x for container in axis.containers for x in container[0].get_xdata()]
        assert drawn == pytest.approx(table[panel].tolist())
        assert [each.get_label() for each in axis.containers] == ["regular", "X-DNN"]
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["zero", "black", "uniform noise"]


def test_replacements_are_a_matrix_with_a_frame_around_the_own_baseline():
    rows = [
        {**NET, "variant": variant, "replacement": replacement, "baseline": key}
        | {"KPM": 10.0 * row + column}
        for variant in ("regular", "x")
        for row, replacement in enumerate(KEYS[:2])
        for column, key in enumerate(KEYS)
    ]
    figure = plot_replacements(pd.DataFrame(rows))
    assert [axis.get_title() for axis in figure.axes] == ["AlexNet, regular", "AlexNet, X-DNN"]
    for axis in figure.axes:
        assert [text.get_text() for text in axis.texts] == [
            "0.0", "1.0", "2.0", "10.0", "11.0", "12.0",
        ]  # fmt: skip
        assert axis.images[0].get_array().tolist() == [[1, 2, 3], [1, 2, 3]]
        assert [patch.get_xy() for patch in axis.patches] == [(-0.5, -0.5), (0.5, 0.5)]
