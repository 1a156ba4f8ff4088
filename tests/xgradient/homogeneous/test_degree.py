"""The measured degree of homogeneity."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from tests.oracles.helpers import refused, slowly
from tests.oracles.nets import Function, linear, nets
from xgradient.homogeneous import (
    NotHomogeneousError,
    check_homogeneous,
    evaluation_mode,
    homogeneity_degree,
)


@given(nets(), st.sampled_from([torch.float64, torch.float32, torch.bfloat16]))
@slowly
def test_random_homogeneous_nets_have_degree_one(case, dtype):
    net, inputs, _ = case
    net, inputs = net.to(dtype), inputs.to(dtype)
    check_homogeneous(net, inputs)
    with evaluation_mode(net):
        zero = not net(inputs.clone()).any()
    if zero:
        with pytest.raises(ValueError, match="undetermined"):
            homogeneity_degree(net, inputs)
    else:
        assert homogeneity_degree(net, inputs) == pytest.approx(1, abs=1e-12)


def test_logits_of_different_degrees(inputs):
    net = Function(lambda x: torch.stack([x.sum(1), x.square().sum(1)], 1))
    with pytest.raises(NotHomogeneousError):
        homogeneity_degree(net, inputs)


@pytest.mark.parametrize("function", [lambda x: (99 * x).exp(), torch.log, lambda x: x / 0])
def test_outputs_that_are_not_finite(function):
    with pytest.raises(NotHomogeneousError):
        homogeneity_degree(Function(function), torch.tensor([[-1.0, 2.0]]))


def as_function(degree: float):
    return lambda h: h.relu().pow(degree)


@pytest.mark.parametrize("degree", [0.5, 1, 1.5, 2, 3])
def test_degree_of_a_power(degree, inputs):
    net = nn.Sequential(linear(4, 8), Function(as_function(degree)), linear(8, 2)).double()
    assert homogeneity_degree(net, inputs) == pytest.approx(degree, abs=1e-9)
    check_homogeneous(net, inputs, degree=degree)
    error = refused(net, inputs, degree=degree + 1)
    assert f"degree {degree}, not {degree + 1}" in str(error)


@given(nets(), st.integers(0, 3))
@slowly
def test_degree_of_a_product(case, extra):
    net, inputs, _ = case

    class Product(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def forward(self, x: Tensor) -> Tensor:
            return self.net(x.clone()) * x.flatten(1).norm(dim=1, keepdim=True) ** extra

    with evaluation_mode(net):
        zero = not net(inputs.clone()).any()
    if not zero:
        assert homogeneity_degree(Product(), inputs) == pytest.approx(1 + extra, abs=1e-9)


def test_degree_zero(inputs):
    net = nn.Sequential(linear(4, 3), Function(lambda h: functional.normalize(h, eps=0.0)))
    assert homogeneity_degree(net.double(), inputs) == pytest.approx(0, abs=1e-12)
    assert "degree" in str(refused(net, inputs))


def test_degree_of_a_constant_and_of_zero(inputs):
    constant = Function(lambda x: torch.ones_like(x))
    assert homogeneity_degree(constant, inputs) == 0
    with pytest.raises(ValueError, match="undetermined"):
        homogeneity_degree(Function(torch.zeros_like), inputs)
    check_homogeneous(Function(torch.zeros_like), inputs)
