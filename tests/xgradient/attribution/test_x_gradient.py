"""X-Gradient is Integrated Gradients of homogeneous nets, in closed form."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from tests.oracles.helpers import close, slowly, without_sharing
from tests.oracles.nets import Function, nets
from xgradient.attribution import (
    input_x_gradient,
    integrated_gradients,
    x_gradient,
)
from xgradient.homogeneous import NotHomogeneousError, evaluation_mode, remove_biases

WITHOUT_NODE_AT_ZERO = ("gausslegendre", "riemann_right", "riemann_middle")


@given(nets(), st.sampled_from(WITHOUT_NODE_AT_ZERO), st.integers(1, 40), st.booleans())
@slowly
def test_x_gradient_is_integrated_gradients(case, method, n_steps, sharing):
    net, inputs, target = case
    with pytest.MonkeyPatch.context() as monkeypatch:
        if not sharing:
            without_sharing(monkeypatch)
        ig, delta = integrated_gradients(
            net, inputs, target, n_steps=n_steps, method=method, return_convergence_delta=True
        )
    xg = x_gradient(net, inputs, target)
    close(xg, ig)
    assert (delta.abs() <= 1e-12 * ig.abs().sum()).all()
    with evaluation_mode(net):
        logits = net(inputs.clone())
    close(xg.flatten(1).sum(1), logits.gather(1, target[:, None])[:, 0].detach(), 1e-10)


class Power(nn.Module):
    """A power of the positive part of the outputs of a net."""

    def __init__(self, body: nn.Module, degree: float) -> None:
        super().__init__()
        self.body = body
        self.degree = degree

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x).abs() ** self.degree


@given(nets(), st.sampled_from([0.5, 1, 2, 3]))
@slowly
def test_closed_form_of_other_degrees(case, degree):
    body, inputs, target = case
    net = Power(body, degree)
    with evaluation_mode(net):
        logits = net(inputs.clone()).detach()
    if (logits < 1e-3).any():
        return  # where the root has no gradient
    xg = x_gradient(net, inputs, target, degree=degree)
    close(xg.flatten(1).sum(1), logits.gather(1, target[:, None])[:, 0], 1e-9)
    if degree >= 1:  # the integral of a polynomial of degree k - 1 in alpha
        close(xg, integrated_gradients(net, inputs, target, n_steps=3), 1e-10)


def test_closed_form_of_a_product_of_two_nets(case):
    _, inputs, target = case
    first, second = (
        remove_biases(nn.Sequential(nn.Flatten(), nn.Linear(128, 9), nn.ReLU(), nn.Linear(9, 5)))
        for _ in range(2)
    )
    net = Function(lambda x, a, b: a(x) * b(x), a=first, b=second).double()
    close(
        x_gradient(net, inputs, target, degree=2),
        integrated_gradients(net, inputs, target, n_steps=1),
    )
    with pytest.raises(NotHomogeneousError, match="degree 2, not 1"):
        x_gradient(net, inputs, target)


def test_x_gradient_refuses_what_is_not_homogeneous_unless_told_not_to_check(case):
    net, inputs, target = case
    with pytest.raises(NotHomogeneousError, match="bias") as caught:
        x_gradient(net, inputs, target)
    assert caught.value.module_name == "0"
    unchecked = x_gradient(net, inputs, target, check=False)
    close(unchecked, input_x_gradient(net, inputs, target))


def test_x_gradient_checks_an_image_that_shows_something(case):
    _, inputs, target = case
    net = Function(lambda x: x.flatten(1).tanh())
    inputs[0] = 0
    with pytest.raises(NotHomogeneousError):
        x_gradient(net, inputs, target)


def test_x_gradient_of_images_of_zeros_is_zero(case):
    net, inputs, target = case
    assert not x_gradient(remove_biases(net), torch.zeros_like(inputs), target).any()


@pytest.mark.parametrize("degree", [0, -1, float("nan")])
def test_x_gradient_needs_a_positive_degree(case, degree):
    with pytest.raises(ValueError, match="positive"):
        x_gradient(*case, degree=degree)


@given(nets(), st.floats(0.01, 100))
@slowly
def test_contrast_scales_the_attribution_and_keeps_the_decision(case, contrast):
    net, inputs, target = case
    close(
        x_gradient(net, contrast * inputs, target), contrast * x_gradient(net, inputs, target), 1e-9
    )
    with evaluation_mode(net):
        logits, scaled = net(inputs.clone()), net(contrast * inputs)
    torch.testing.assert_close(scaled, contrast * logits, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("baselines", [1.0, -1e-30, torch.ones(2, 1, 1), torch.eye(8)])
def test_x_gradient_refuses_baselines_that_are_not_zero(case, baselines):
    net, inputs, target = case
    with pytest.raises(ValueError, match="zero baseline only, got"):
        x_gradient(remove_biases(net), inputs, target, baselines=baselines)
