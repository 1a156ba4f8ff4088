"""Attributions as part of a loss: ``create_graph=True``."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from tests.oracles.helpers import close
from xgradient.attribution import (
    deconvolution,
    expected_gradients,
    guided_backprop,
    input_x_gradient,
    integrated_gradients,
    log_probability_gradient,
    saliency,
    x_gradient,
)
from xgradient.homogeneous import remove_biases
from xgradient.models import MaxPool2d
from xgradient.priors import attribution_prior_loss

METHODS = {
    "saliency": saliency,
    "input_x_gradient": input_x_gradient,
    "x_gradient": lambda net, x, t, **more: x_gradient(net, x, t, check=False, **more),
    "integrated_gradients": lambda net, x, t, **more: integrated_gradients(
        net, x, t, n_steps=3, **more
    ),
    "expected_gradients": lambda net, x, t, **more: expected_gradients(
        net, x, t, baselines=x.flip(0), generator=torch.Generator().manual_seed(1), **more
    ),
    "log_probability_gradient": lambda net, x, t, **more: log_probability_gradient(net, x, **more),
    "guided_backprop": guided_backprop,
    "deconvolution": deconvolution,
}
every_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)

TARGET = torch.tensor([1, 0, 2])


def smooth_net() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(18, 6), nn.Softplus(), nn.Linear(6, 3)).double()


def pooled_net() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, bias=False),
        nn.ReLU(),
        MaxPool2d(2, 1),
        nn.Flatten(),
        nn.Linear(16, 3, bias=False),
    ).double()


@pytest.fixture
def inputs() -> Tensor:
    return torch.randn(3, 2, 3, 3, dtype=torch.float64)


@every_method
@pytest.mark.parametrize("make", [smooth_net, pooled_net])
def test_the_attribution_is_the_same_with_a_graph(method, make, inputs):
    net = make()
    result = method(net, inputs, TARGET, create_graph=True)
    assert result.requires_grad
    close(result.detach(), method(net, inputs, TARGET))
    assert all(parameter.grad is None for parameter in net.parameters())


@every_method
@pytest.mark.parametrize("make", [smooth_net, pooled_net])
def test_the_derivative_of_a_loss_is_that_of_finite_differences(method, make, inputs):
    net = make()

    def loss(**more: bool) -> Tensor:
        return method(net, inputs, TARGET, **more).square().mean()

    loss(create_graph=True).backward()
    step = 1e-6
    for parameter in net.parameters():
        flat = parameter.detach().view(-1)
        # A last bias has no effect on gradients: autograd leaves it out.
        gradient = (torch.zeros_like(flat) if parameter.grad is None else parameter.grad).flatten()
        index = int(gradient.abs().argmax())
        value = float(flat[index])
        flat[index] = value + step
        above = loss()
        flat[index] = value - step
        below = loss()
        flat[index] = value
        close(gradient[index], (above - below) / (2 * step), 1e-5)


@every_method
def test_the_attribution_can_be_differentiated_by_the_inputs(method, inputs):
    if method in (guided_backprop, deconvolution):
        return  # no function of its own
    net = smooth_net()
    inputs.requires_grad_()

    def fixed(x: Tensor) -> Tensor:
        return method(net, x, TARGET, create_graph=True)

    if method is METHODS["expected_gradients"]:
        start = inputs.detach().flip(0)

        def fixed(x: Tensor) -> Tensor:
            return expected_gradients(
                net,
                x,
                TARGET,
                baselines=start,
                generator=torch.Generator().manual_seed(1),
                create_graph=True,
            )

    assert torch.autograd.gradcheck(fixed, inputs)


@every_method
def test_without_a_graph_the_attribution_is_a_constant(method, inputs):
    inputs.requires_grad_()
    assert not method(smooth_net(), inputs, TARGET).requires_grad


@every_method
@pytest.mark.parametrize("context", [torch.no_grad, torch.enable_grad])
def test_nets_that_work_in_place_and_switched_off_gradients(method, context, inputs):
    net = nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(True), nn.Flatten(), nn.Linear(4, 3)).double()
    twin = copy.deepcopy(net)
    twin[1].inplace = False
    with context():
        in_place = method(net, inputs, TARGET, create_graph=True)
    in_place.square().sum().backward()
    method(twin, inputs, TARGET, create_graph=True).square().sum().backward()
    for ours, theirs in zip(net.parameters(), twin.parameters(), strict=True):
        if theirs.grad is None:
            assert ours.grad is None or not ours.grad.any()
        else:
            close(ours.grad, theirs.grad)


def test_a_prior_changes_what_is_learned(inputs):
    """A prior of great strength alone decides the step, which it cannot if it is a constant."""
    net = remove_biases(smooth_net()[:2].append(nn.ReLU()).append(nn.Linear(6, 3).double()))
    prior = attribution_prior_loss(x_gradient(net, inputs, TARGET, create_graph=True).flatten(1))
    prior.backward()
    steps = {name: -1e-3 * parameter.grad for name, parameter in net.named_parameters()}
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            parameter += steps[name]
    assert attribution_prior_loss(x_gradient(net, inputs, TARGET).flatten(1)) < prior.detach()


def test_log_probabilities_of_classes(inputs):
    """The gradient of the sum of all log-probabilities (Ross et al. 2017, Eq. 1), by autograd."""
    net = smooth_net()
    points = inputs.clone().requires_grad_()
    (expected,) = torch.autograd.grad(net(points).log_softmax(1).sum(), points)
    close(log_probability_gradient(net, inputs), expected)


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_log_probabilities_of_one_logit(inputs, shape):
    """With one logit z the sum is log sigmoid(z) + log sigmoid(-z) = 2 log sigmoid(z) - z."""
    net = smooth_net()
    points = inputs.clone().requires_grad_()
    logit = net(points)[:, 1]
    (expected,) = torch.autograd.grad((2 * nn.functional.logsigmoid(logit) - logit).sum(), points)
    close(log_probability_gradient(lambda x: net(x)[:, 1].view(shape), inputs), expected)


def test_log_probabilities_are_of_one_row_of_classes(inputs):
    with pytest.raises(ValueError, match=r"\(N, K\) or \(N,\), got \(3, 2, 3, 3\)"):
        log_probability_gradient(lambda x: x * 1, inputs)
