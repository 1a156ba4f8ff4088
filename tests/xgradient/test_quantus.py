"""The explanation function for Quantus, by itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from tests.oracles.nets import Function
from xgradient.attribution import input_x_gradient, integrated_gradients
from xgradient.quantus import EXPLANATION_METHODS, explain

TARGET = np.array([2, 0, 1])


@pytest.fixture
def net():
    return nn.Sequential(
        nn.Flatten(), nn.Linear(32, 6, bias=False), nn.ReLU(), nn.Linear(6, 3, False)
    )


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(3, 2, 4, 4))


NEEDED = {
    "expected_gradients": {"baselines": np.ones((5, 2, 4, 4))},
    "random_attribution": {"generator": torch.Generator().manual_seed(0)},
}


@pytest.mark.parametrize("method", EXPLANATION_METHODS)
def test_every_method(net, x, method):
    result = explain(net, x, TARGET, method=method, **NEEDED.get(method, {}))
    assert isinstance(result, np.ndarray)
    assert (result.shape, result.dtype) == ((3, 1, 4, 4), np.float32)
    assert np.isfinite(result).all() and result.any()


def test_values(net, x):
    inputs = torch.as_tensor(x).float()
    expected = input_x_gradient(net, inputs, torch.as_tensor(TARGET))
    for reduce_axes, values in (
        ((1,), expected.sum(1, keepdim=True)),
        ((), expected),
        ((2, 3), expected.sum((2, 3), keepdim=True)),
    ):
        np.testing.assert_array_equal(
            explain(net, x, TARGET, method="input_x_gradient", reduce_axes=reduce_axes), values
        )
    np.testing.assert_allclose(explain(net, x, TARGET), expected.sum(1, keepdim=True), rtol=1e-5)
    shifted = explain(net, x, 1, method="integrated_gradients", baselines=np.ones(1), n_steps=9)
    same = integrated_gradients(net, inputs, 1, baselines=1, n_steps=9)
    np.testing.assert_allclose(shifted, same.sum(1, keepdim=True), rtol=1e-5, atol=1e-6)


def test_features_are_not_summed_over(x):
    net = nn.Linear(4, 3, bias=False)
    assert explain(net, x[:, 0, 0], TARGET).shape == (3, 4)


def test_a_net_without_parameters_takes_single_precision(x):
    result = explain(Function(lambda x: x.flatten(1)[:, :3]), x, TARGET, device="cpu")
    assert result.dtype == np.float32


def test_what_cannot_be_used(net, x):
    with pytest.raises(ValueError, match=r"method must be one of deconvolution, .*got 'gradient'"):
        explain(net, x, TARGET, method="gradient")
    with pytest.raises(ValueError, match=r"axes from 1 to 3 of the inputs, got \(0,\)"):
        explain(net, x, TARGET, reduce_axes=(0,))
