"""The table of the denoisers, their figure, and the settings that are refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from experiments.config import ConfigError, check_config
from experiments.denoising.figure import plot_denoising
from experiments.denoising.summary import summarise


def rows(**columns):
    return pd.DataFrame(columns)


def test_a_row_for_each_noise():
    restored = rows(
        image=[0, 1, 0, 1],
        noise=[10.0, 10.0, 40.0, 40.0],
        psnr_in=[20.0, 22.0, 10.0, 11.0],
        psnr_out=[30.0, 33.0, 15.0, 16.0],
        contrast_percent=[1.0, 2.0, 5.0, 4.0],
        net_bias_percent=[1.0, 2.0, 5.0, 4.0],
    )
    filters = rows(
        image=[0, 0, 0],
        noise=[10.0, 40.0, 40.0],
        sum_percent=[0.1, 0.3, 0.2],
        ig_percent=[3.0, 1.0, 2.0],
        radius=[1.0, 2.0, 4.0],
        weight_sum=[1.0, 0.5, 0.7],
    )
    table = summarise(restored, filters, trained_up_to=10)
    assert table.to_dict("list") == {
        "noise": [10.0, 40.0],
        "range": ["trained", "above"],
        "psnr_in": [21.0, 10.5],
        "psnr_out": [31.5, 15.5],
        "contrast_percent": [2.0, 5.0],
        "net_bias_percent": [1.5, 4.5],
        "n_images": [2, 2],
        "sum_percent": [0.1, 0.3],
        "ig_percent": [3.0, 2.0],
        "filter_radius": [1.0, 3.0],
        "weight_sum": [1.0, 0.6],
        "n_filters": [1, 2],
    }


@pytest.fixture
def drawings():
    generator = np.random.default_rng(0)

    def of_net():
        drawn = {"pixels": np.array([[0, 1], [4, 4]])}
        for noise in ("10", "40"):
            drawn[f"noisy/{noise}"] = generator.random((6, 6))
            drawn[f"restored/{noise}"] = generator.random((6, 6))
            drawn[f"filters/{noise}"] = generator.normal(size=(2, 6, 6))
        return drawn

    return {"bias_free": of_net(), "with_biases": of_net()}


def test_the_figure_shows_what_each_pixel_sees(drawings):
    table = rows(
        net=["bias_free"] * 2 + ["with_biases"] * 2,
        noise=[10.0, 40.0] * 2,
        psnr_in=[20.0, 10.0] * 2,
        psnr_out=[30.0, 20.0, 31.0, 15.0],
        net_bias_percent=[0.0, 0.0, 3.0, 9.0],
        filter_radius=[1.0, 2.0, 1.0, 2.0],
    )
    figure = plot_denoising(table, drawings, [10.0, 40.0], 30, reach=2)
    curves, images = figure.axes[:3], figure.axes[3:]
    assert [len(axis.lines) for axis in curves] == [3, 2, 2]
    assert curves[0].lines[1].get_ydata().tolist() == [31, 15]
    assert len(images) == 2 * 5
    titles = [axis.get_title() for axis in images[:5]]
    assert titles == ["noisy", "bias-free", "with biases", "filter of A", "filter of B"]
    shown = [axis.images[0].get_array() for axis in images[5:]]
    assert np.array_equal(shown[0], drawings["bias_free"]["noisy/40"])
    assert np.array_equal(shown[2], drawings["with_biases"]["restored/40"])
    # The first pixel is in a corner: above and to the left it sees nothing.
    weights = drawings["bias_free"]["filters/40"]
    corner, inside = (np.ma.filled(each, np.nan) for each in shown[3:])
    assert np.isnan(corner[:2]).all() and np.isnan(corner[:, 0]).all()
    seen = weights[0, :3, :4]
    assert corner[2:, 1:] == pytest.approx(seen / np.abs(seen).max())
    seen = weights[1, 2:, 2:]
    assert inside[:4, :4] == pytest.approx(seen / np.abs(seen).max())


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"denoising": {"noise": [10, 20], "shown": [10, 30]}},
            "denoising.shown has 30, which is not in denoising.noise",
        ),
        (
            {"experiments": ["denoising"], "limit_images": 100, "networks": {"use": ["x"]}},
            "denoising.training needs batches of 128 images, but there are only 100",
        ),
        ({"denoising": {"noise": [0]}}, "denoising.noise"),
        ({"denoising": {"net": {"layers": 1}}}, "denoising.net.layers"),
    ],
)
def test_settings_that_do_not_fit_are_refused(config, message):
    if config.get("networks"):
        untrained = {"regular": None, "x": None, "weights": "torchvision"}
        entry = {"architecture": "torchvision/squeezenet1_0", "dataset": "imagenette", **untrained}
        config = {**config, "networks": {"use": ["x"], "x": entry}}
    with pytest.raises(ConfigError, match=message):
        check_config(config)
