"""LRP-ε against its definition, Input×Gradient and Captum."""

from __future__ import annotations

import warnings

import pytest
import torch
from captum.attr import LRP
from torch import nn

from experiments.other_methods.relevance import lrp_epsilon
from tests.oracles.helpers import close
from tests.oracles.nets import Residual
from tests.oracles.relevance import literal_lrp
from xgradient.attribution import input_x_gradient
from xgradient.models import MaxPool2d, alexnet

TARGET = torch.tensor([2, 0])


def convnet(nonlinearity: nn.Module) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 3, 3),
        nn.ReLU(),
        nn.MaxPool2d(2, 2),
        nn.Flatten(),
        nn.Linear(12, 5),
        nonlinearity,
        nn.Linear(5, 3),
    ).double()


def images() -> torch.Tensor:
    return torch.randn(2, 2, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("epsilon", [1e-9, 1e-3, 0.5])
@pytest.mark.parametrize("nonlinearity", [nn.ReLU(), nn.Tanh()])
def test_the_definition_with_biases(epsilon, nonlinearity):
    net, x = convnet(nonlinearity), images()
    result = lrp_epsilon(net, x, TARGET, epsilon=epsilon)
    for row, image, target in zip(result, x, TARGET.tolist(), strict=True):
        # The literal rule takes relevance away at the output, too, where nothing is divided here.
        z = float(net(image[None])[0, target].detach())
        at_output = z / (z + (epsilon if z >= 0 else -epsilon))
        close(row * at_output, literal_lrp(net, image, target, epsilon))


@pytest.mark.parametrize("bias", [True, False])
def test_it_is_input_x_gradient_where_all_nonlinearities_are_relus(bias):
    torch.manual_seed(0)
    x = images()
    net = nn.Sequential(
        nn.Conv2d(2, 4, 3, bias=bias),
        nn.ReLU(),
        Residual(nn.Sequential(nn.Conv2d(4, 4, 3, padding=1, bias=bias), nn.ReLU())),
        MaxPool2d(2, 1),
        nn.LeakyReLU(0.1),
        nn.Flatten(),
        nn.Linear(36, 3, bias=bias),
    ).double()
    result, product = lrp_epsilon(net, x, TARGET), input_x_gradient(net, x, TARGET)
    close(result, product, 1e-6)
    # Completeness, which biases break.
    missed = result.sum((1, 2, 3)) - net(x).gather(1, TARGET[:, None])[:, 0].detach()
    assert (missed.abs().max() > 1e-3) == bias and (bias or missed.abs().max() < 1e-7)


def test_it_is_not_input_x_gradient_of_another_nonlinearity():
    net, x = convnet(nn.Tanh()), images()
    product = input_x_gradient(net, x, TARGET)
    assert (lrp_epsilon(net, x, TARGET) - product).abs().max() > 0.01 * product.abs().max()


def test_biases_take_relevance_away():
    # z = 2 - 1 = 1 passes on all of its relevance: 2 from the input, -1 from the bias.
    net = nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 1, bias=False)).double()
    net[0].weight.data.fill_(1.0)
    net[0].bias.data.fill_(-1.0)
    net[2].weight.data.fill_(3.0)
    result = lrp_epsilon(net, torch.tensor([[2.0]]).double(), torch.tensor([0]))
    close(result, torch.tensor([[6.0]]).double(), 1e-8)


def test_an_epsilon_that_divides_by_zero_is_refused():
    with pytest.raises(ValueError, match="epsilon must be above zero, got 0"):
        lrp_epsilon(convnet(nn.ReLU()), images(), TARGET, epsilon=0.0)


def test_no_warning_of_deeplift_and_nothing_random():
    net, x = convnet(nn.ReLU()), images()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.equal(lrp_epsilon(net, x, TARGET), lrp_epsilon(net, x, TARGET))


@pytest.mark.filterwarnings("ignore::UserWarning:captum.*")
def test_captum_where_it_has_the_layers():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3)).double()
    x = torch.randn(2, 6).double()
    close(lrp_epsilon(net, x, TARGET), LRP(net).attribute(x, target=TARGET).detach(), 1e-6)


@pytest.mark.filterwarnings("ignore::UserWarning:captum.*")
def test_why_it_is_not_captums():
    """These fail when Captum is mended: then its LRP can take the place of ours."""
    net = alexnet(num_classes=3, in_channels=1, geometry="small").eval()
    with pytest.raises(TypeError, match="no rule defined"):
        LRP(net).attribute(torch.rand(1, 1, 28, 28), target=0)
    with pytest.raises(TypeError, match="Flatten"):
        LRP(nn.Sequential(nn.Flatten(), nn.Linear(4, 2))).attribute(torch.rand(1, 2, 2), target=0)
    # A sum gives all of its relevance to each of its summands.
    x = torch.tensor([[1.0, 2.0]]).double()
    net = nn.Sequential(Residual(nn.Linear(2, 2, bias=False)), nn.Linear(2, 1, bias=False)).double()
    for module in (net[0].body, net[1]):
        module.weight.data.fill_(1.0)
    captum = LRP(net).attribute(x, target=0).detach()
    close(lrp_epsilon(net, x, torch.tensor([0])).sum(1), net(x)[:, 0].detach(), 1e-6)
    assert (captum.sum(1) - net(x)[:, 0]).abs() > 1
