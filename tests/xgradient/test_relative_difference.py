"""The mean absolute relative difference."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from xgradient.attribution import integrated_gradients, x_gradient
from xgradient.homogeneous import remove_biases
from xgradient.relative_difference import (
    mean_absolute_relative_difference,
    relative_difference,
)
from xgradient.rounding import PRECISIONS, rounded_forward


def test_difference_by_hand():
    a = torch.tensor([[1.0, -2.0], [0.0, 1.0]])
    b = torch.tensor([[1.0, 2.0], [-1.0, 0.0]])
    # mean |a - b| = (0 + 4 + 1 + 1) / 4, mean |a| = 4 / 4
    assert mean_absolute_relative_difference(a, b, eps=0) == 1.5
    assert mean_absolute_relative_difference(a, b, eps=2) == 0.5
    assert mean_absolute_relative_difference(a, b) == pytest.approx(1.5 / (1 + 1e-7), rel=1e-14)


def test_difference_is_relative_to_the_first():
    a, b = torch.tensor([1.0]), torch.tensor([3.0])
    assert mean_absolute_relative_difference(a, b, eps=0) == 2
    assert mean_absolute_relative_difference(b, a, eps=0) == pytest.approx(2 / 3)


def test_percent_is_a_mean_of_batches_of_ratios_of_means():
    batches = [
        (torch.tensor([1.0, 1.0, 2.0]), torch.tensor([0.0, 1.0, 2.0])),  # 1/4
        (torch.tensor([100.0]), torch.tensor([25.0])),  # 3/4
    ]
    assert relative_difference(iter(batches), eps=0) == pytest.approx(50)
    assert relative_difference(batches[:1], eps=0) == pytest.approx(25)


@given(st.integers(0, 2**31), st.integers(1, 4))
@settings(max_examples=20, deadline=None)
def test_percent_of_the_definition(seed, n_batches):
    rng = np.random.default_rng(seed)
    batches = [rng.normal(size=(2, rng.integers(1, 4), 3, 2)) for _ in range(n_batches)]
    total = 0.0
    for a, b in batches:
        numerator = [abs(float(u) - float(v)) for u, v in zip(a.flat, b.flat, strict=True)]
        denominator = [abs(float(u)) for u in a.flat]
        total += (math.fsum(numerator) / a.size) / (math.fsum(denominator) / a.size + 1e-7)
    tensors = [(torch.tensor(a), torch.tensor(b)) for a, b in batches]
    assert relative_difference(tensors) == pytest.approx(100 * total / n_batches, rel=1e-12)


def test_equal_and_zero_attributions():
    a = torch.randn(3, 4)
    assert mean_absolute_relative_difference(a, a) == 0
    assert mean_absolute_relative_difference(torch.zeros(2), torch.zeros(2)) == 0
    assert mean_absolute_relative_difference(torch.zeros(1), torch.ones(1)) == pytest.approx(1e7)


def test_means_are_taken_in_double_precision():
    a = torch.ones(2**20, dtype=torch.float16)
    assert mean_absolute_relative_difference(a, 0 * a, eps=0) == 1


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (torch.ones(2), torch.ones(3), "shapes"),
        (torch.ones(2, 1), torch.ones(2), "shapes"),
        (torch.ones(0), torch.ones(0), "empty"),
        (torch.tensor([math.nan]), torch.ones(1), "attributions_a"),
        (torch.ones(1), torch.tensor([math.inf]), "attributions_b"),
    ],
)
def test_attributions_that_cannot_be_compared(a, b, message):
    with pytest.raises(ValueError, match=message):
        mean_absolute_relative_difference(a, b)


def test_no_batches():
    with pytest.raises(ValueError, match="no batches"):
        relative_difference([])


def deep_net() -> nn.Module:
    """Enough units for some of them to be near the decision of a ReLU or a maximum."""
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(16, 16, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 16, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(16, 16, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Flatten(),
        nn.Linear(576, 5),
    )


def test_precision_explains_the_residual_of_an_x_dnn():
    net = remove_biases(deep_net())
    inputs, target = torch.randn(8, 3, 12, 12), torch.arange(8) % 5

    def residual(net: nn.Module, inputs: Tensor) -> float:
        ig = integrated_gradients(net, inputs, target, n_steps=10)
        return relative_difference([(ig, x_gradient(net, inputs, target))])

    found = {"float32": residual(net, inputs)}
    for precision in PRECISIONS:
        with rounded_forward(net, precision):
            found[precision] = residual(net, inputs)
    found["float64"] = residual(net.double(), inputs.double())
    assert found["float64"] < 1e-12
    assert found["float32"] < 1e-3
    assert 1e-2 < found["tf32"] < found["bfloat16"] < 100
