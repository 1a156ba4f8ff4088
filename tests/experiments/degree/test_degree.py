"""Nets of degree k: their degree, the closed form, and what is missing without 1 / k."""

from __future__ import annotations

import pandas as pd
import pytest
import torch
from torch import nn

from experiments.data.tensors import ImageTensors
from experiments.degree.figure import plot_degree
from experiments.degree.names import NETS
from experiments.degree.run import COLUMNS, example_maps, measure
from experiments.degree.summary import summarise
from experiments.networks.checkpoints import build_network
from xgradient.attribution import x_gradient
from xgradient.models.pooling import MaxPool2d


@pytest.fixture(scope="module")
def data() -> ImageTensors:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (5, 1, 28, 28), generator=generator, dtype=torch.uint8)
    return ImageTensors(images, torch.tensor([0, 1, 2, 3, 4]), [0.3], [0.35])


def net_of(key):
    torch.manual_seed(0)
    return build_network(NETS[key].builder, {}).double().eval()


@pytest.mark.parametrize("key", NETS)
def test_the_logits_scale_with_the_power_of_the_degree(key, data):
    inputs, _ = data.__getitems__(range(5))
    net, inputs = net_of(key), inputs.double()
    logits = net(inputs)
    assert logits.shape == (5, 10) and logits.abs().max() > 0
    for factor in (0.3, 2.0):
        torch.testing.assert_close(net(factor * inputs), factor ** NETS[key].degree * logits)
    assert not any("bias" in name for name, _ in net.named_parameters())


@pytest.mark.parametrize("key", NETS)
def test_the_closed_form_is_the_mean_of_very_many_gradients(key, data):
    inputs, labels = data.__getitems__([0])
    net, inputs = net_of(key), inputs.double()
    steps, total = 200, torch.zeros_like(inputs)
    for step in range(steps):
        point = ((step + 0.5) / steps * inputs).requires_grad_()
        total += torch.autograd.grad(net(point)[0, labels[0]], point)[0]
    closed = x_gradient(net, inputs, labels, degree=NETS[key].degree)
    # The midpoint rule is off by 1 / steps² and less.
    torch.testing.assert_close(closed, inputs * total / steps, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("key", NETS)
def test_rows_hold_the_closed_form_and_what_is_missing_without_k(key, data):
    blocks = [range(0, 3), range(3, 5)]
    rows = measure(net_of(key), NETS[key].degree, data, blocks, 8, lambda items, _: items)
    table = pd.DataFrame(rows)
    assert list(table.columns) == list(COLUMNS)
    assert table["image"].tolist() == [0, 1, 2, 3, 4]
    summary = summarise(table, NETS[key].degree)
    assert summary["degree_error"] < 1e-9 and summary["n_images"] == 5
    assert summary["closed_form_percent"] < 1e-10 and summary["sum_percent"] < 1e-9
    assert summary["input_x_gradient_percent"] == pytest.approx(100 * (NETS[key].degree - 1))
    assert summary["excess_percent"] < 1e-9


@pytest.mark.parametrize("key", NETS)
def test_rounding_does_not_choose_the_maxima(key):
    """On flat backgrounds the last bit would, and the choice would change with the scale."""
    pools = [module for module in net_of(key).modules() if isinstance(module, nn.MaxPool2d)]
    assert pools and all(isinstance(pool, MaxPool2d) for pool in pools)


def test_too_few_steps_for_the_degree_are_seen(data):
    rows = measure(net_of("quartic"), 4, data, [range(2)], 1, lambda items, _: items)
    # The midpoint of a³ is 1/8 instead of 1/4.
    assert pd.DataFrame(rows)["closed_form_percent"].tolist() == pytest.approx([100, 100])


def test_the_figure_has_a_row_per_net_in_the_scale_of_ig(data):
    maps = {
        key: {
            name: values.numpy()
            for name, values in example_maps(net_of(key), NETS[key].degree, data, 0, 8).items()
        }
        for key in ("squared_relu", "quartic")
    }
    figure = plot_degree(maps)
    assert len(figure.axes) == 8
    assert figure.axes[4].get_ylabel() == "two squared\nReLUs\nk = 4"
    for row, k in ((0, 2), (1, 4)):
        ig, closed, product = (
            axis.images[0].get_array() for axis in figure.axes[4 * row + 1 : 4 * row + 4]
        )
        assert abs(ig).max() == pytest.approx(1)
        assert abs(closed - ig).max() < 1e-5 and abs(product - k * ig).max() < 1e-4
