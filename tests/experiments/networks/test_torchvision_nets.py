"""Torchvision's classifiers, with our pooling, compute what torchvision's do."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import nn

from experiments.networks import torchvision_nets
from experiments.networks.architectures import architecture
from experiments.networks.torchvision_nets import torchvision_net
from tests.oracles.helpers import close
from xgradient.homogeneous import NotHomogeneousError, check_homogeneous, fold_batchnorm
from xgradient.models import MaxPool2d

PLAIN = ("squeezenet1_0", "squeezenet1_1", "alexnet", "vgg11")
NORMALISED = ("resnet18", "googlenet")


def reference(name):
    """Build torchvision's own net in evaluation mode, its running statistics as if trained."""
    options = {"aux_logits": False, "init_weights": False} if name == "googlenet" else {}
    net = torchvision.models.get_model(name, weights=None, num_classes=7, **options)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
            nn.init.normal_(module.bias)
    return net.double().eval()


def without_values(name, **options):
    with torch.device("meta"):
        return torchvision_net(name, num_classes=7, **options).eval()


def images(channels=3):
    return torch.randn(2, channels, 64, 64, dtype=torch.float64)


def logits_and_gradients(net, inputs):
    inputs = inputs.clone().requires_grad_()
    logits = net(inputs)
    return logits.detach(), torch.autograd.grad(logits[:, 3].sum(), inputs)[0]


@pytest.mark.parametrize("name", PLAIN + NORMALISED)
def test_values_and_gradients_are_torchvisions(name):
    theirs, ours, inputs = reference(name), without_values(name), images()
    ours.load_state_dict(theirs.state_dict(), assign=True)
    assert type(ours) is type(theirs)
    pools = [module for module in ours.modules() if isinstance(module, nn.MaxPool2d)]
    assert pools and all(isinstance(module, MaxPool2d) for module in pools)
    (expected, expected_gradients) = logits_and_gradients(theirs, inputs)
    logits, gradients = logits_and_gradients(ours, inputs)
    assert torch.equal(logits, expected)
    close(gradients, expected_gradients)


@pytest.mark.parametrize("name", NORMALISED)
def test_the_state_of_a_folded_net_loads(name):
    theirs, inputs = reference(name), images()
    state = fold_batchnorm(theirs).state_dict()
    ours = without_values(name, folded=True)
    assert list(ours.state_dict()) == list(state)
    ours.load_state_dict(state, assign=True)
    with torch.no_grad():
        close(ours(inputs), theirs(inputs))
    stripped = without_values(name, folded=True, bias=False)
    weights = {key: value for key, value in state.items() if not key.endswith("bias")}
    assert list(stripped.state_dict()) == list(weights)
    stripped.load_state_dict(weights, assign=True)
    check_homogeneous(stripped, inputs)


def test_without_biases():
    net = torchvision_net("squeezenet1_1", num_classes=7, bias=False).double()
    check_homogeneous(net, images())


@pytest.mark.parametrize("name", ["squeezenet1_1", "resnet18"])
@pytest.mark.parametrize("channels", [1, 4])
def test_other_channels(name, channels):
    net = torchvision_net(name, num_classes=7, in_channels=channels).double().eval()
    logits = net(images(channels))
    assert logits.shape == (2, 7)
    assert logits.isfinite().all()
    theirs = torchvision.models.get_model(name, weights=None, num_classes=7).state_dict()
    other = [key for key, value in net.state_dict().items() if value.shape != theirs[key].shape]
    assert other == ["features.0.weight" if name == "squeezenet1_1" else "conv1.weight"]


def test_dropout():
    net = without_values("alexnet", dropout=0.1)
    assert [module.p for module in net.modules() if isinstance(module, nn.Dropout)] == [0.1, 0.1]
    with pytest.raises(ValueError, match=r"between 0 and 1, got 1\.5"):
        without_values("alexnet", dropout=1.5)
    # The setting of a run with other networks: there is nothing to set here.
    assert not any(
        isinstance(m, nn.Dropout) for m in without_values("resnet18", dropout=0.5).modules()
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "resnet19",
            "no image classifier 'resnet19': choose one of .*resnet1",
        ),
        ("SqueezeNet", "choose one of .*squeezenet1_1"),
        ("fcn_resnet50", "fcn_resnet50 is not an image classifier: choose one of .*resnet50"),
        ("quantized_resnet18", "quantized_resnet18 is not an image classifier"),
        ("r3d_18", "r3d_18 is not an image classifier"),
        ("§", "image classifier '§': choose one of torchvision.models.list_models"),
    ],
)
def test_other_names_are_refused(name, message):
    with pytest.raises(ValueError, match=message):
        torchvision_net(name)


def test_normalisation_is_refused_without_biases():
    with pytest.raises(ValueError, match=r"resnet18 has BatchNorm.*set folded to true"):
        without_values("resnet18", bias=False)
    with pytest.raises(NotHomogeneousError, match=r"denselayer1\.norm1"):
        without_values("densenet121", folded=True)


@pytest.mark.parametrize(
    "pool",
    [nn.MaxPool2d(2, dilation=2), nn.MaxPool2d((2, 3)), nn.MaxPool2d(2, return_indices=True)],
)
def test_other_poolings_are_refused_by_name(monkeypatch, pool):
    net = nn.Sequential(nn.Conv2d(3, 2, 3), pool)
    monkeypatch.setattr(torchvision_nets, "_build", lambda name, num_classes: net)
    with pytest.raises(ValueError, match="the max pooling '1'"):
        torchvision_net("any")


def test_a_net_without_a_convolution_of_colours_is_refused(monkeypatch):
    net = nn.Sequential(nn.Conv2d(1, 2, 3))
    monkeypatch.setattr(torchvision_nets, "_build", lambda name, num_classes: net)
    with pytest.raises(ValueError, match="set in_channels to 3"):
        torchvision_net("any", in_channels=4)


@pytest.mark.parametrize(
    "name", ["alexnet", "densenet121", "mobilenet_v2", "resnet18", "shufflenet_v2_x0_5", "vit_b_16"]
)
def test_dropout_is_an_option_of_those_that_have_it(name):
    with torch.device("meta"):
        net = torchvision.models.get_model(name, weights=None)
    has_dropout = any(isinstance(module, nn.Dropout) for module in net.modules())
    assert architecture(f"torchvision/{name}").options == ("dropout",) * has_dropout
