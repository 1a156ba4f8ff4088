"""Grad-CAM against its definition, and the choice of the layer."""

from __future__ import annotations

import pytest
import torch
from captum.attr import GuidedGradCam
from torch import nn
from torch.nn import functional

from experiments.other_methods.grad_cam import grad_cam, guided_grad_cam, last_convolution
from tests.oracles.helpers import close
from xgradient.attribution import guided_backprop
from xgradient.models import alexnet

TARGET = torch.tensor([2, 0])
# Captum warns of hooks that it sets on the net.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:captum.*")


class Net(nn.Module):
    """Two convolutions, of which the one that is registered first is called last."""

    def __init__(self, in_place: bool = False, functions: bool = False) -> None:
        super().__init__()
        self.last = nn.Conv2d(3, 4, 3)
        self.first = nn.Conv2d(2, 3, 3)
        self.relu = nn.ReLU(in_place)
        self.relu_again = nn.ReLU(in_place)
        self.head = nn.Linear(16, 3)
        self.functions = functions

    def forward(self, x):
        relus = (functional.relu,) * 2 if self.functions else (self.relu, self.relu_again)
        hidden = relus[1](self.last(relus[0](self.first(x))))
        return self.head(functional.max_pool2d(hidden, 2).flatten(1))


def nets(**options):
    torch.manual_seed(0)
    return Net(**options).double().eval()


def images():
    return torch.randn(2, 2, 9, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def literal_map(net, image, target):
    """The map of one image, from finite differences of the score in the last convolution."""
    with torch.no_grad():
        values = net.last(functional.relu(net.first(image[None])))

        def score(values):
            return float(net.head(functional.max_pool2d(values.relu(), 2).flatten(1))[0, target])

        result = torch.zeros(values.shape[-2:], dtype=torch.float64)
        for channel, plane in enumerate(values[0]):
            slopes = []
            for row, column in torch.cartesian_prod(*map(torch.arange, plane.shape)).tolist():
                step = torch.zeros_like(values)
                step[0, channel, row, column] = 1e-6
                slopes.append((score(values + step) - score(values - step)) / 2e-6)
            result += sum(slopes) / len(slopes) * plane
    return result.clamp(min=0)


@pytest.mark.parametrize("options", [{}, {"in_place": True}, {"functions": True}])
def test_the_map_is_its_definition(options):
    net, x = nets(**options), images()
    result = grad_cam(net, x, TARGET)
    assert result.shape == x.shape and result.dtype == x.dtype and (result >= 0).all()
    for row, image, target in zip(result, x, TARGET.tolist(), strict=True):
        coarse = literal_map(net, image, target)
        fine = functional.interpolate(coarse[None, None], size=(9, 9), mode="bilinear")
        close(row, fine[0].expand_as(row), 1e-6)
    assert result.any()


def test_guided_grad_cam_is_the_product():
    net, x = nets(), images()
    close(
        guided_grad_cam(net, x, TARGET),
        grad_cam(net, x, TARGET) * guided_backprop(net, x, TARGET),
    )


def test_guided_grad_cam_of_captum():
    net, x = nets(), images()
    theirs = GuidedGradCam(net, net.last).attribute(x, TARGET, interpolate_mode="bilinear").detach()
    close(guided_grad_cam(net, x, TARGET), theirs)
    # The reason for our own: ReLUs that are functions. When this fails, Captum's can be used.
    functions = nets(functions=True)
    close(guided_grad_cam(functions, x, TARGET), theirs)
    captums = GuidedGradCam(functions, functions.last)
    unseen = captums.attribute(x, TARGET, interpolate_mode="bilinear").detach()
    assert not torch.allclose(unseen, theirs, rtol=0.1)


def test_the_layer_is_the_convolution_that_is_called_last():
    net = nets()
    assert last_convolution(net, images()) is net.last
    net = alexnet(num_classes=3, in_channels=1, geometry="small").eval()
    assert last_convolution(net, torch.rand(1, 1, 28, 28)) is net.features[10]
    assert not any(module._forward_hooks for module in net.modules())


def test_sequences_have_maps_too():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv1d(4, 3, 5), nn.ReLU(), nn.Flatten(), nn.Linear(18, 3)).double()
    assert grad_cam(net, torch.rand(2, 4, 10).double(), TARGET).shape == (2, 4, 10)


def test_nets_without_a_last_convolution_are_named():
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    with pytest.raises(ValueError, match=r"needs a convolution layer, and Sequential calls none"):
        grad_cam(net, torch.rand(2, 1, 2, 2), TARGET)
    again = nn.Conv2d(1, 1, 1)
    net = nn.Sequential(again, nn.ReLU(), again, nn.Flatten(), nn.Linear(4, 3))
    with pytest.raises(ValueError, match=r"called once, and Sequential calls it 2 times"):
        grad_cam(net, torch.rand(2, 1, 2, 2), TARGET)
