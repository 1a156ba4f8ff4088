"""The cheap second derivatives are those of autograd."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.oracles.helpers import close
from xgradient.attribution import saliency
from xgradient.attribution._second_pass import SecondPass
from xgradient.models import MaxPool2d

LAYERS = {
    "stride and padding": lambda: [nn.Conv2d(2, 4, 3, stride=2, padding=1), nn.ReLU()],
    "dilation and groups": lambda: [nn.Conv2d(2, 4, 3, padding=(2, 1), dilation=2, groups=2)],
    "same": lambda: [nn.Conv2d(2, 4, 3, padding="same"), nn.ReLU(inplace=True)],
    "reflected": lambda: [nn.Conv2d(2, 4, 3, padding=1, padding_mode="reflect"), nn.ReLU()],
    "no bias": lambda: [nn.Conv2d(2, 4, 2, bias=False), nn.LeakyReLU()],
    "in place": lambda: [nn.Conv2d(2, 4, 2), nn.LeakyReLU(inplace=True), nn.ReLU6()],
    "max": lambda: [nn.Conv2d(2, 4, 3), nn.ReLU(), nn.MaxPool2d(2)],
    "first max": lambda: [nn.Conv2d(2, 4, 3), nn.ReLU(), MaxPool2d(2, 1)],
    "average": lambda: [nn.Conv2d(2, 4, 3), nn.PReLU(), nn.AvgPool2d(2, ceil_mode=True)],
    "adaptive": lambda: [nn.Conv2d(2, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2)],
    "smooth": lambda: [nn.Conv2d(2, 4, 3), nn.Softplus(), nn.AvgPool2d(2), nn.Tanh()],
    "one axis": lambda: [nn.Flatten(2), nn.Conv1d(2, 3, 4, stride=2), nn.ReLU(), nn.MaxPool1d(2)],
    "transposed": lambda: [nn.ConvTranspose2d(2, 4, 3, stride=2), nn.ReLU()],
    "frozen": lambda: [nn.Conv2d(2, 4, 3).requires_grad_(False), nn.ReLU()],
}


def plain_saliency(net: nn.Module, inputs: Tensor) -> Tensor:
    points = inputs.clone().requires_grad_()
    return torch.autograd.grad(net(points)[:, 1].sum(), points, create_graph=True)[0]


def gradients_of(net: nn.Module, loss: Tensor) -> list[Tensor]:
    net.zero_grad()
    loss.backward()
    zeros = torch.zeros(1, dtype=torch.float64)
    return [zeros if p.grad is None else p.grad.clone() for p in net.parameters()]


@pytest.mark.parametrize("layers", LAYERS.values(), ids=LAYERS)
def test_gradients_of_a_loss_of_the_gradient_are_those_of_autograd(layers):
    net = nn.Sequential(*layers(), nn.Flatten(), nn.LazyLinear(3)).double()
    inputs = torch.randn(3, 2, 7, 6, dtype=torch.float64)
    net(inputs)
    net.eval()
    twin = copy.deepcopy(net)
    weights = torch.randn_like(inputs)

    def loss(gradient: Tensor, net: nn.Module) -> Tensor:
        return (gradient.square() * weights).sum() + functional.mse_loss(
            net(inputs), inputs[:, 0, 0, :3]
        )

    ours = gradients_of(net, loss(saliency(net, inputs, 1, create_graph=True), net))
    theirs = gradients_of(twin, loss(plain_saliency(twin, inputs), twin))
    for a, b in zip(ours, theirs, strict=True):
        close(a.expand_as(b) if a.numel() == 1 else a, b.expand_as(a) if b.numel() == 1 else b)


@pytest.mark.parametrize("layers", LAYERS.values(), ids=LAYERS)
def test_the_outputs_and_ordinary_gradients_stay_the_same(layers):
    net = nn.Sequential(*layers(), nn.Flatten(), nn.LazyLinear(3)).double()
    inputs = torch.randn(3, 2, 7, 6, dtype=torch.float64)
    net(inputs)
    net.eval()
    expected = gradients_of(net, net(inputs.clone().requires_grad_()).square().sum())
    mode = SecondPass()
    with mode:
        outputs = net(inputs.clone().requires_grad_() * 1)
    mode.by_inputs_only = False
    close(outputs.detach(), net(inputs).detach())
    for a, b in zip(gradients_of(net, outputs.square().sum()), expected, strict=True):
        close(a, b)


def test_derivatives_of_third_order():
    net = nn.Sequential(nn.Conv2d(2, 3, 3), nn.Softplus(), nn.Flatten(), nn.LazyLinear(2)).double()
    inputs = torch.randn(2, 2, 4, 4, dtype=torch.float64)
    net(inputs)

    def third(attribute) -> Tensor:
        loss = attribute.square().sum()
        (first,) = torch.autograd.grad(loss, net[0].weight, create_graph=True)
        return torch.autograd.grad(first.square().sum(), net[0].weight)[0]

    close(third(saliency(net, inputs, 1, create_graph=True)), third(plain_saliency(net, inputs)))


def test_no_zeros_are_sent_through_a_piecewise_linear_net():
    """The graph of the attribution does not reach the forward pass, where zeros would go."""
    net = nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
    gradient = saliency(net, torch.randn(2, 2, 6, 6), 1, create_graph=True)
    seen, waiting = set(), [gradient.grad_fn]
    while waiting:
        step = waiting.pop()
        if step is not None and step not in seen:
            seen.add(step)
            waiting.extend(earlier for earlier, _ in step.next_functions)
    assert not any(step.name() == "_ConvolutionBackward" for step in seen)
    assert any(step.name() == "_InputGradientBackward" for step in seen)


def test_under_autocast_pytorch_chooses_the_types():
    net = nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 2))
    inputs = torch.randn(2, 2, 6, 6)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        gradient = saliency(net, inputs, 1, create_graph=True)
        gradient.float().square().sum().backward()
    assert net[0].weight.grad.isfinite().all()
