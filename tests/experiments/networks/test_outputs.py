"""The last layer of a classifier, and classifiers of some classes."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrizations

from experiments.networks.outputs import outputs_layer, restrict_outputs
from experiments.networks.torchvision_nets import torchvision_net
from tests.oracles.nets import Function
from xgradient.models import VGG16, AlexNet, FixupResNet50

SMALL = {"num_classes": 7, "in_channels": 1, "geometry": "small"}
CLASSES = [5, 0, 3]

NETS = {
    "squeezenet": (lambda: torchvision_net("squeezenet1_1", 7, in_channels=1), "classifier.1"),
    "resnet18": (lambda: torchvision_net("resnet18", 7, in_channels=1, folded=True), "fc"),
    "googlenet": (lambda: torchvision_net("googlenet", 7, in_channels=1), "fc"),
    "mobilenet_v2": (lambda: torchvision_net("mobilenet_v2", 7, in_channels=1), "classifier.1"),
    "alexnet": (lambda: AlexNet(**SMALL), "classifier.6"),
    "x-vgg16": (lambda: VGG16(bias=False, **SMALL), "classifier.6"),
    "fixup_resnet50": (lambda: FixupResNet50(**SMALL), "fc"),
    "linear": (lambda: nn.Sequential(nn.Flatten(), nn.Linear(32 * 32, 7)), "1"),
}


@pytest.mark.parametrize("name", NETS)
def test_restricted_logits_are_columns_of_all_logits(name):
    build, layer = NETS[name]
    net = build().double()
    # The last layer of a Fixup net starts at zero, where all columns are equal.
    nn.init.normal_(net.get_submodule(layer).weight)
    assert outputs_layer(net) == layer
    restricted = restrict_outputs(net, CLASSES)
    inputs = torch.randn(2, 1, 32, 32, dtype=torch.float64)
    everything = net.eval()(inputs)
    assert everything.shape == (2, 7)
    torch.testing.assert_close(
        restricted.eval()(inputs), everything[:, CLASSES], rtol=1e-12, atol=1e-12
    )
    assert type(restricted) is type(net)


def test_a_restricted_net_is_the_one_that_its_builder_builds():
    restricted = restrict_outputs(torchvision_net("squeezenet1_1", 7), CLASSES)
    torchvision_net("squeezenet1_1", 3).load_state_dict(restricted.state_dict())
    assert restricted.classifier[1].out_channels == 3


def test_the_net_and_the_mode_stay():
    net = AlexNet(**SMALL)
    restricted = restrict_outputs(net, range(2)).requires_grad_(False)
    assert restricted.training
    assert net.classifier[6].weight.shape == (7, 256)
    assert all(parameter.requires_grad for parameter in net.parameters())


@pytest.mark.parametrize(
    ("indices", "message"),
    [([], r"\[\]"), ([1, 1], r"\[1, 1\]"), ([0, 7], r"\[0, 7\), .*'1', got 7"), ([-1], "got -1")],
)
def test_indices_that_are_no_classes_are_refused(indices, message):
    with pytest.raises(ValueError, match=message):
        restrict_outputs(nn.Sequential(nn.Flatten(), nn.Linear(4, 7)), indices)


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (nn.Sequential(nn.Linear(4, 7), nn.Softmax(1)), "'1' comes after it"),
        (Function(lambda x, fc: fc(x) + x, fc=nn.Linear(4, 4)), "'add' comes after it"),
        (Function(lambda x, fc: fc(x).T, fc=nn.Linear(4, 4)), "comes after it"),
        (Function(lambda x, fc: (fc(x), x), fc=nn.Linear(4, 4)), "does not return one tensor"),
        (Function(lambda x: x if x.sum() > 0 else -x), "torch.fx"),
        (nn.Sequential(nn.Conv2d(4, 4, 1, groups=2), nn.Flatten()), "'0' is grouped"),
        (nn.Sequential(parametrizations.weight_norm(nn.Linear(4, 4))), "remove_parametrizations"),
    ],
)
def test_other_nets_are_refused(net, message):
    with pytest.raises(ValueError, match=message):
        restrict_outputs(net, [0])


def test_what_comes_after_the_last_layer():
    def pooled(x, conv):
        return torch.flatten(functional.adaptive_avg_pool2d(functional.relu(conv(x)), 1), 1)

    assert outputs_layer(Function(pooled, conv=nn.Conv2d(1, 7, 1))) == "conv"
    assert outputs_layer(nn.Linear(4, 7)) == ""
    assert restrict_outputs(nn.Linear(4, 7), [2]).out_features == 1
