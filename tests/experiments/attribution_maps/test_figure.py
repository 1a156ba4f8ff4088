"""The figure of the attribution maps."""

from __future__ import annotations

import numpy as np

from experiments.attribution_maps.figure import plot_attribution_maps
from tests.experiments.figure_helpers import titles

ALPHAS = [1.0, 0.1]
CLASSES = ["boot", "bag"]
COLUMNS = ["regular/ig", "x/x_gradient", "x/input_x_gradient"]


def maps():
    draws = np.random.default_rng(0)
    names = [f"{name}/{alpha}" for name in COLUMNS for alpha in ALPHAS]
    arrays = {name: draws.normal(size=(2, 4, 5)) for name in names}
    return arrays | {f"image/{alpha}": draws.random((2, 1, 4, 5)) for alpha in ALPHAS}


def shown(axes):
    (image,) = axes.get_images()
    return np.asarray(image.get_array())


def test_a_row_per_image_and_contrast_and_a_column_per_map():
    figure = plot_attribution_maps(maps(), CLASSES, ALPHAS, COLUMNS)
    assert len(figure.axes) == 4 * 4
    assert titles(figure)[:4] == ["image", "regular IG", "X-DNN XG", "X-DNN Input×Grad."]
    assert not any(titles(figure)[4:])
    labels = [axes.get_ylabel() for axes in figure.axes[::4]]
    assert labels == ["boot\nα = 1", "boot\nα = 0.1", "bag\nα = 1", "bag\nα = 0.1"]


def test_images_are_as_they_are_and_maps_have_a_scale_of_their_own():
    arrays = maps()
    figure = plot_attribution_maps(arrays, CLASSES, ALPHAS, COLUMNS)
    for row, (index, alpha) in enumerate([(0, 1.0), (0, 0.1), (1, 1.0), (1, 0.1)]):
        axes = figure.axes[4 * row : 4 * row + 4]
        np.testing.assert_array_equal(shown(axes[0]), arrays[f"image/{alpha}"][index, 0])
        assert axes[0].get_images()[0].get_clim() == (0, 1)
        for name, each in zip(COLUMNS, axes[1:], strict=True):
            values = arrays[f"{name}/{alpha}"][index]
            np.testing.assert_allclose(shown(each), values / np.abs(values).max())
            assert each.get_images()[0].get_clim() == (-1, 1)


def test_a_map_of_zeros_and_images_of_three_channels_are_drawn():
    arrays = maps()
    arrays["regular/ig/1.0"][0] = 0.0
    arrays |= {f"image/{alpha}": np.full((2, 3, 4, 5), 0.5) for alpha in ALPHAS}
    figure = plot_attribution_maps(arrays, CLASSES, ALPHAS, COLUMNS)
    assert not shown(figure.axes[1]).any()
    assert shown(figure.axes[0]).shape == (4, 5, 3)
