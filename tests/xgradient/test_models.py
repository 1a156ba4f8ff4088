"""The architectures: published sizes and keys, homogeneity, full-size attribution."""

from __future__ import annotations

import itertools

import pytest
import torch
import torchvision

from xgradient.attribution import input_x_gradient, integrated_gradients, x_gradient
from xgradient.homogeneous import check_homogeneous, remove_biases
from xgradient.models import VGG16, AlexNet, FixupResNet50, alexnet, fixup_resnet50, vgg16

ARCHITECTURES = (AlexNet, VGG16, FixupResNet50)
SMALL = {"num_classes": 10, "in_channels": 1, "geometry": "small"}
BLOCKS = 3 + 4 + 6 + 3


def n_parameters(model):
    return sum(parameter.numel() for parameter in model.parameters())


def without_bias(keys):
    return {key for key in keys if not key.endswith("bias")}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(alexnet, torchvision.models.alexnet), (vgg16, torchvision.models.vgg16)],
)
def test_imagenet_geometry_is_torchvisions(ours, theirs):
    """Same keys, shapes and, with the same parameters, the same logits."""
    with torch.device("meta"):
        expected = {key: value.shape for key, value in theirs(weights=None).state_dict().items()}
        built = ours()
        actual = {key: value.shape for key, value in built.state_dict().items()}
        x_keys = set(ours(bias=False).state_dict())
    assert actual == expected
    assert x_keys == without_bias(expected)


def test_alexnet_computes_what_torchvisions_does():
    theirs = torchvision.models.alexnet(weights=None).eval()
    ours = alexnet().eval()
    ours.load_state_dict(theirs.state_dict())
    inputs = torch.randn(1, 3, 224, 224)
    torch.testing.assert_close(ours(inputs), theirs(inputs))


def test_fixup_resnet50_has_the_published_parameters():
    """ResNet-50 without its normalisation, plus seven scalars a block, two more, and no others."""
    with torch.device("meta"):
        resnet = torchvision.models.resnet50(weights=None)
        ours = fixup_resnet50()
        published_x = fixup_resnet50(bias=False)
    normalisation = sum(
        n_parameters(module)
        for module in resnet.modules()
        if isinstance(module, torch.nn.BatchNorm2d)
    )
    convolutions_and_classifier = n_parameters(resnet) - normalisation
    assert n_parameters(ours) == convolutions_and_classifier + 7 * BLOCKS + 2
    # The published X-ResNet-50 has neither biases nor multipliers.
    assert n_parameters(published_x) == convolutions_and_classifier - 1000
    assert all(
        "bias" not in name and "scale" not in name for name, _ in published_x.named_parameters()
    )
    block = {name.removeprefix("layer2.0.") for name in ours.state_dict() if "layer2.0." in name}
    scalars = {"bias1a", "bias1b", "bias2a", "bias2b", "bias3a", "bias3b", "scale"}
    assert block == scalars | {f"conv{i}.weight" for i in (1, 2, 3)} | {"downsample.weight"}
    top = {name for name in ours.state_dict() if not name.startswith("layer")}
    assert top == {"conv1.weight", "bias1", "bias2", "fc.weight", "fc.bias"}


def test_fixup_initialisation():
    """Residual branches start at zero, and so do the logits (Zhang et al. 2019, Sec. 3)."""
    net = fixup_resnet50(**SMALL)
    assert all(not net.get_submodule(f"layer{i}.0.conv3").weight.any() for i in (1, 2, 3, 4))
    assert not net(torch.randn(2, 1, 28, 28)).any()
    inner = net.layer4[1].conv2.weight
    expected = (2 / (inner.shape[0] * 9)) ** 0.5 * BLOCKS**-0.25
    assert inner.std().item() == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("geometry", ["small", "imagenet"])
def test_stripping_gives_the_x_net(architecture, geometry):
    """remove_biases leaves the parameters of the net built without biases (scalars kept)."""
    arguments = {"num_classes": 10, "geometry": geometry}
    kept = {"scale": True} if architecture is FixupResNet50 else {}
    with torch.device("meta"):
        stripped = remove_biases(architecture(**arguments))
        built = architecture(bias=False, **arguments, **kept)
    assert {k: v.shape for k, v in stripped.state_dict().items()} == {
        k: v.shape for k, v in built.state_dict().items()
    }


def randomise(model):
    """Give every parameter a value: Fixup nets start with zeros, which would hide everything."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "bias" in name:
                parameter.normal_(std=0.2)
            elif not parameter.any():
                parameter.normal_(std=(2 / parameter[0].numel()) ** 0.5)
    return model


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_small_x_nets_are_homogeneous_and_regular_ones_are_not(architecture):
    inputs = torch.randn(2, 1, 28, 28, dtype=torch.float64)
    regular = randomise(architecture(**SMALL)).double()
    stripped = remove_biases(regular)
    check_homogeneous(stripped, inputs)
    with pytest.raises(ValueError, match="bias"):
        check_homogeneous(regular, inputs)
    stripped.eval()
    with torch.no_grad():
        torch.testing.assert_close(stripped(3 * inputs), 3 * stripped(inputs))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_full_size_nets_are_stripped_and_attributed(architecture):
    """In float64 X-Gradient is IG and adds up to the logit; with biases Input×Gradient is not."""
    regular = randomise(architecture()).double()
    stripped = remove_biases(regular)
    # Their nets are those of 224 px, and take other sizes, too.
    inputs = torch.randn(1, 3, 96, 96, dtype=torch.float64)
    target = torch.tensor([7])
    fast = x_gradient(stripped, inputs, target, check=False)
    slow = integrated_gradients(stripped, inputs, target, n_steps=2)
    assert fast.shape == inputs.shape
    torch.testing.assert_close(fast, slow, rtol=1e-9, atol=1e-12 * fast.abs().max().item())
    stripped.eval()
    with torch.no_grad():
        logit = stripped(inputs)[0, 7]
    torch.testing.assert_close(fast.sum(), logit, rtol=1e-9, atol=0)
    regular_slow = integrated_gradients(regular, inputs, target, n_steps=2)
    regular_fast = input_x_gradient(regular, inputs, target)
    assert (regular_slow - regular_fast).abs().mean() > 1e-3 * regular_slow.abs().mean()


@pytest.mark.parametrize(
    ("architecture", "bias"), list(itertools.product(ARCHITECTURES, (True, False)))
)
def test_every_parameter_of_the_small_nets_learns(architecture, bias):
    net = randomise(architecture(**SMALL, bias=bias))
    net(torch.randn(8, 1, 28, 28)).pow(2).sum().backward()
    idle = [name for name, parameter in net.named_parameters() if not parameter.grad.any()]
    assert idle == []


def test_an_unknown_geometry_is_refused():
    with pytest.raises(ValueError, match="geometry must be one of imagenet, small, got 'tiny'"):
        alexnet(geometry="tiny")
