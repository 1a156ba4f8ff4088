"""The axioms of Sundararajan, Taly and Yan (2017)."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from tests.oracles.helpers import close, slowly
from tests.oracles.nets import Function, nets
from xgradient.attribution import (
    QUADRATURE_METHODS,
    input_x_gradient,
    integrated_gradients,
    saliency,
    x_gradient,
)
from xgradient.homogeneous import remove_biases

methods = st.sampled_from(QUADRATURE_METHODS)


@given(nets(bias=True), methods, st.floats(-3, 3))
@slowly
def test_linearity(case, method, factor):
    net, inputs, target = case
    torch.manual_seed(7)
    other = nn.Sequential(nn.Flatten(), nn.Linear(inputs[0].numel(), 9), nn.ReLU())
    other = other.append(nn.Linear(9, net[-1].out_features)).double()
    both = Function(lambda x, a, b: a(x.clone()) + factor * b(x), a=net, b=other)
    options = {"n_steps": 4, "method": method}
    expected = integrated_gradients(net, inputs, target, **options)
    expected = expected + factor * integrated_gradients(other, inputs, target, **options)
    close(integrated_gradients(both, inputs, target, **options), expected)
    expected = input_x_gradient(net, inputs, target)
    expected = expected + factor * input_x_gradient(other, inputs, target)
    close(input_x_gradient(both, inputs, target), expected)


def few_steps(net: nn.Module, inputs: Tensor, target: Tensor) -> Tensor:
    return integrated_gradients(net, inputs, target, n_steps=8)


@given(st.integers(0, 2**31), st.booleans())
@slowly
def test_implementation_invariance(seed, bias):
    torch.manual_seed(seed)
    first, last = nn.Linear(5, 8, bias=bias).double(), nn.Linear(8, 3, bias=bias).double()
    net = nn.Sequential(first, nn.ReLU(), last)
    # The same function: hidden units in another order, each scaled and scaled back.
    order, scale = torch.randperm(8), torch.rand(8, dtype=torch.float64) + 0.5
    other = nn.Sequential(nn.Linear(5, 8, bias=bias), nn.ReLU(), nn.Linear(8, 3, bias=bias))
    other = other.double()
    with torch.no_grad():
        other[0].weight.copy_((scale[:, None] * first.weight)[order])
        other[2].weight.copy_((last.weight / scale)[:, order])
        if bias:
            other[0].bias.copy_((scale * first.bias)[order])
            other[2].bias.copy_(last.bias)
    inputs, target = torch.randn(4, 5, dtype=torch.float64), torch.randint(3, (4,))
    for method in (saliency, input_x_gradient, few_steps):
        close(method(net, inputs, target), method(other, inputs, target), 1e-10)
    if not bias:
        close(x_gradient(net, inputs, target), x_gradient(other, inputs, target), 1e-10)


@given(st.integers(0, 2**31))
@slowly
def test_symmetry_and_dummy(seed):
    torch.manual_seed(seed)
    net = remove_biases(nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 3))).double()
    inputs, target = torch.randn(4, 5, dtype=torch.float64), torch.randint(3, (4,))
    with torch.no_grad():
        net[0].weight[:, 1] = net[0].weight[:, 0]
        net[0].weight[:, 2] = 0
    inputs[:, 1] = inputs[:, 0]
    for method in (x_gradient, few_steps, input_x_gradient):
        result = method(net, inputs, target)
        close(result[:, 0], result[:, 1])
        assert not result[:, 2].any()
