"""Folded nets compute what the nets do, or the BatchNorm that cannot be folded is named."""

from __future__ import annotations

import copy

import pytest
import torch
import torchvision
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations, prune, spectral_norm, weight_norm
from torchvision.ops import FrozenBatchNorm2d

from tests.oracles.helpers import close, refused, slowly
from tests.oracles.nets import Function, Residual
from xgradient.attribution import integrated_gradients, x_gradient
from xgradient.homogeneous import (
    NotHomogeneousError,
    check_homogeneous,
    evaluation_mode,
    fold_batchnorm,
    remove_biases,
)


def trained(net: nn.Module) -> nn.Module:
    """Give every normalisation statistics and parameters as if it had been trained; float64."""
    for module in net.modules():
        if getattr(module, "running_mean", None) is not None:
            module.running_mean = torch.randn_like(module.running_mean)
            module.running_var = torch.rand_like(module.running_var) + 0.5
            if module.weight is not None:
                nn.init.normal_(module.weight, 1.0, 0.3)
                nn.init.normal_(module.bias)
    return net.double()


def images(side: int = 7, channels: int = 2) -> Tensor:
    return torch.randn(2, channels, side, side, dtype=torch.float64)


def outputs(net: nn.Module, inputs: Tensor) -> Tensor:
    with evaluation_mode(net), torch.no_grad():
        return net(inputs.clone())


def check_folding(net: nn.Module, inputs: Tensor) -> nn.Module:
    """Fold, and compare the outputs, the names and the modes with those of the net."""
    state = copy.deepcopy(net.state_dict())
    folded = fold_batchnorm(net, inputs)
    assert all(torch.equal(value, state[key]) for key, value in net.state_dict().items())
    close(outputs(folded, inputs), outputs(net, inputs))
    assert type(folded) is type(net)
    before, after = dict(net.named_modules()), dict(folded.named_modules())
    normalisations = {name for name in before if type(before[name]) is not type(after[name])}
    assert normalisations == {name for name in before if "BatchNorm" in type(before[name]).__name__}
    assert all(type(after[name]) is nn.Identity for name in normalisations)
    assert all(after[name].training == before[name].training for name in before)
    return folded


def fails(net: nn.Module, *patterns: str, inputs: Tensor | None = None) -> NotHomogeneousError:
    with pytest.raises(NotHomogeneousError) as caught:
        fold_batchnorm(trained(net), inputs)
    for pattern in patterns:
        assert pattern in str(caught.value)
    return caught.value


def small_vgg(num_classes: int, **options) -> nn.Module:
    """Leave out the wide linear layers, which have no BatchNorm."""
    net = torchvision.models.vgg11_bn(init_weights=False, **options)
    net.avgpool, net.classifier = nn.AdaptiveAvgPool2d(1), nn.Linear(512, num_classes)
    return net


NETS = {
    "resnet18": torchvision.models.resnet18,
    "resnet50": torchvision.models.resnet50,
    "vgg11_bn": small_vgg,
    "mobilenet_v2": torchvision.models.mobilenet_v2,
    "googlenet": lambda **options: torchvision.models.googlenet(
        aux_logits=False, init_weights=False, **options
    ),
}


@pytest.mark.parametrize("name", NETS)
def test_torchvision(name):
    net = trained(NETS[name](weights=None, num_classes=10))
    inputs = images(64, 3)
    folded = check_folding(net, inputs)
    stripped = remove_biases(folded)
    if name == "mobilenet_v2":
        error = refused(stripped, inputs)
        assert error.module_name == "features.0.2"
        assert "ReLU6" in str(error)
    else:
        check_homogeneous(stripped, inputs)


def test_a_folded_resnet_has_an_x_dnn():
    net = trained(torchvision.models.resnet18(weights=None, num_classes=10))
    stripped = remove_biases(fold_batchnorm(net))
    inputs = images(64, 3)
    check_homogeneous(stripped, inputs)
    target = torch.tensor([3, 8])
    xg = x_gradient(stripped, inputs, target)
    close(integrated_gradients(stripped, inputs, target, n_steps=4), xg, 1e-10)


def test_densenet_normalises_before_its_convolutions():
    error = fails(torchvision.models.densenet121(weights=None), "it follows cat()", "Fixup")
    assert error.module_name == "features.denseblock1.denselayer1.norm1"


class Residual2d(nn.Module):
    """A branch and a shortcut, joined by a sum or by concatenation, each with its BatchNorm."""

    def __init__(self, branch: nn.Module, shortcut: nn.Module, cat: bool) -> None:
        super().__init__()
        self.shortcut = shortcut
        self.branch = branch
        self.cat = cat

    def forward(self, x: Tensor) -> Tensor:
        first, second = self.branch(x), self.shortcut(x)
        return torch.cat([first, second], 1) if self.cat else functional.relu(first + second)


@st.composite
def convolution(draw: st.DrawFn, dimensions: int, channels: int) -> list[nn.Module]:
    """A convolution of any kind that keeps the size, and a BatchNorm."""
    groups = draw(st.sampled_from([1, 2]))
    transposed = draw(st.booleans())
    kind = getattr(nn, f"Conv{'Transpose' if transposed else ''}{dimensions}d")
    dilation = draw(st.sampled_from([1, 2]))
    layer = kind(
        channels,
        4,
        3,
        padding=dilation,
        dilation=dilation,
        groups=groups,
        bias=draw(st.booleans()),
        padding_mode="zeros" if transposed else draw(st.sampled_from(["zeros", "circular"])),
    )
    norms = [getattr(nn, f"BatchNorm{dimensions}d"), nn.SyncBatchNorm]
    return [layer, draw(st.sampled_from(norms))(4, affine=draw(st.booleans()))]


@st.composite
def normalised_nets(draw: st.DrawFn) -> tuple[nn.Module, Tensor]:
    torch.manual_seed(draw(st.integers(0, 2**31)))
    dimensions = draw(st.integers(1, 3))
    layers = [*draw(convolution(dimensions, 2)), nn.ReLU(inplace=draw(st.booleans()))]
    channels = 4
    for _ in range(draw(st.integers(1, 3))):
        deep = [*draw(convolution(dimensions, channels)), nn.ReLU(inplace=True)]
        branch = nn.Sequential(*deep, *draw(convolution(dimensions, 4)))
        shortcut = nn.Sequential(*draw(convolution(dimensions, channels)))
        cat = draw(st.booleans())
        layers.append(Residual2d(branch, shortcut, cat))
        channels = 8 if cat else 4
    layers += [nn.Flatten(2), Function(lambda x: x.mean(2)), nn.Linear(channels, 6)]
    layers += [nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3)]
    net = trained(nn.Sequential(*layers)).train(draw(st.booleans()))
    return net, torch.randn(2, 2, *[6] * dimensions, dtype=torch.float64)


@given(normalised_nets())
@slowly
def test_random_residual_nets(case):
    net, inputs = case
    check_homogeneous(remove_biases(check_folding(net, inputs)), inputs)


@pytest.mark.parametrize("groups", [1, 2, 3])
@pytest.mark.parametrize("kind", [nn.Conv2d, nn.ConvTranspose2d])
def test_groups_of_unlike_sizes(kind, groups):
    check_folding(
        trained(nn.Sequential(kind(6, 12, 2, groups=groups), nn.BatchNorm2d(12))), images(5, 6)
    )


def test_a_frozen_batch_norm():
    check_folding(trained(nn.Sequential(nn.Conv2d(2, 3, 3), FrozenBatchNorm2d(3))), images())


def test_a_channel_without_variance():
    net = trained(nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3)))
    net[1].running_var.zero_()
    assert check_folding(net, images())[0].weight.isfinite().all()
    net[1].eps = 0.0
    with pytest.raises(NotHomogeneousError, match=r"'1'.*variance plus eps must be positive"):
        fold_batchnorm(net)


def test_one_module_under_two_names():
    class Aliased(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm2d(3)
            self.body = nn.Sequential(nn.Conv2d(2, 3, 3), self.norm)

        def forward(self, x: Tensor) -> Tensor:
            return self.body(x)

    folded = check_folding(trained(Aliased()), images())
    assert folded.norm is folded.body[1]


def test_nothing_to_fold():
    net = nn.Linear(3, 2).double()
    folded = check_folding(net, torch.randn(2, 3, dtype=torch.float64))
    assert folded.weight is not net.weight
    twice = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3))
    once = fold_batchnorm(trained(twice))
    check_folding(once, images())


def test_what_is_trained_stays_trained():
    net = nn.Sequential(nn.Conv2d(2, 3, 3, bias=False), nn.BatchNorm2d(3))
    assert {name for name, _ in fold_batchnorm(net).named_parameters()} == {"0.weight", "0.bias"}
    assert all(parameter.requires_grad for parameter in fold_batchnorm(net).parameters())
    net.requires_grad_(False)
    assert not any(parameter.requires_grad for parameter in fold_batchnorm(net).parameters())


def test_without_storage():
    with torch.device("meta"):
        folded = fold_batchnorm(torchvision.models.resnet18(weights=None))
    assert folded.conv1.bias.shape == (64,)


def test_single_precision():
    net = trained(torchvision.models.resnet18(weights=None, num_classes=10)).float()
    fold_batchnorm(net, images(64, 3).float())


def conv_norm(**options) -> dict[str, nn.Module]:
    return {"conv": nn.Conv2d(2, 2, 3, padding=1), "norm": nn.BatchNorm2d(2, **options)}


def sequence(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(*layers)


class OwnForward(nn.BatchNorm2d):
    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(super().forward(x))


class Standardised(nn.Conv2d):
    def _conv_forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return super()._conv_forward(x, weight - weight.mean(), bias)


class Bare(nn.modules.batchnorm._BatchNorm):
    def _check_input_dim(self, x: Tensor) -> None:
        pass


@pytest.mark.parametrize(
    ("function", "options", "patterns"),
    [
        (lambda x, conv, norm: norm(x), {}, ["it follows the input 'x' of the net"]),
        (lambda x, conv, norm: norm(conv(x).relu()), {}, ["it follows relu() called by the model"]),
        (lambda x, conv, norm: conv(norm(x)), {}, ["it follows the input", "DenseNet"]),
        (lambda x, conv, norm: norm(conv(x) + x), {}, ["it follows add()"]),
        (
            lambda x, conv, norm: (lambda y: norm(y) + y)(conv(x)),
            {},
            ["the output of module 'conv' (Conv2d) before it is also used by add()"],
        ),
        (
            lambda x, conv, norm: (lambda y: norm(y) + y.add_(1))(conv(x)),
            {},
            ["is also used by add_()"],
        ),
        (lambda x, conv, norm: norm(conv(norm(conv(x)))), {}, ["it is called 2 times"]),
        (
            lambda x, conv, norm: norm(conv(conv(x))),
            {},
            ["module 'conv' (Conv2d) before it is called 2 times"],
        ),
        (lambda x, conv, norm: conv(x), {}, ["no call of it is seen", "auxiliary head"]),
        (lambda x, conv, norm: norm(conv(x)), {"track_running_stats": False}, ["running stat"]),
        (
            lambda x, conv, norm: norm(conv(x)) + functional.conv2d(x, conv.weight, padding=1),
            {},
            ["the weight of module 'conv' (Conv2d) before it is also read by conv2d()"],
        ),
        (
            lambda x, conv, norm: norm(conv(x)) * norm.weight.sum(),
            {},
            ["the weight of it is also read by sum()"],
        ),
    ],
)
def test_what_cannot_be_folded_is_named(function, options, patterns):
    net = Function(function, **conv_norm(**options))
    assert (
        fails(net, "module 'norm' (BatchNorm2d) cannot be folded", *patterns).module_name == "norm"
    )


@pytest.mark.parametrize(
    ("net", "patterns"),
    [
        (sequence(nn.Conv2d(2, 2, 3), OwnForward(2)), ["it has a forward of its own"]),
        (sequence(Standardised(2, 2, 3), nn.BatchNorm2d(2)), ["'0' (Standardised) before it has"]),
        (sequence(nn.Conv2d(2, 2, 3), Bare(2)), ["its class is not one of BatchNorm1d"]),
        (sequence(nn.Conv2d(2, 2, 3), nn.BatchNorm1d(2)), ["use BatchNorm2d"]),
        (
            sequence(parametrizations.weight_norm(nn.Conv2d(2, 2, 3)), nn.BatchNorm2d(2)),
            ["the weight of module '0'", "remove_parametrizations"],
        ),
        (
            sequence(parametrizations.spectral_norm(nn.Linear(2, 2)), nn.BatchNorm1d(2)),
            ["the weight of module '0'", "remove_parametrizations"],
        ),
    ],
)
def test_layers_that_compute_something_else_are_refused(net, patterns):
    assert fails(net, "module '1'", *patterns).module_name == "1"


@pytest.mark.parametrize("hooked", [0, 1])
def test_hooks_are_refused(hooked):
    net = sequence(nn.Conv2d(2, 2, 3), nn.BatchNorm2d(2))
    net[hooked].register_forward_hook(lambda module, args, output: 2 * output)
    assert fails(net, "has forward hooks").module_name == "1"


COMPUTED = {
    "pruned": lambda layer: prune.random_unstructured(layer, "weight", 0.5),
    "pruned bias": lambda layer: prune.random_unstructured(layer, "bias", 0.5),
    "weight norm": weight_norm,
    "spectral norm": spectral_norm,
}


@pytest.mark.parametrize("compute", COMPUTED.values(), ids=COMPUTED)
@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
def test_layers_whose_parameters_a_hook_computes(compute):
    """They stop a BatchNorm from being folded behind them, and behind no other layer."""
    net = sequence(compute(nn.Conv2d(2, 2, 3)), nn.BatchNorm2d(2))
    net(images().float())
    error = fails(net, "module '0' (Conv2d) before it", "is computed from", "prune.remove")
    assert error.module_name == "1"
    net = sequence(nn.Conv2d(2, 2, 3), nn.BatchNorm2d(2), compute(nn.Conv2d(2, 2, 3)))
    net = trained(net).train()
    net(images())
    check_folding(net, images())


@pytest.mark.parametrize("key", ["weight", "bias"])
def test_shared_parameters_are_refused(key):
    net = sequence(nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2), nn.Conv2d(2, 2, 1))
    setattr(net[2], key, getattr(net[0], key))
    assert fails(net, f"the {key} of module '0'", f"shared with '2.{key}'").module_name == "1"


def test_a_functional_batch_norm_is_refused():
    def normalise(x: Tensor) -> Tensor:
        return functional.batch_norm(x, torch.zeros(2), torch.ones(2))

    error = fails(sequence(nn.Conv2d(2, 2, 3), Function(normalise)), "'1' (Function)", "batch_norm")
    assert error.module_name == "1"


def test_a_net_that_cannot_be_traced_is_refused():
    branching = Function(lambda x: x if x.sum() > 0 else -x)
    net = sequence(nn.Conv2d(2, 2, 3), nn.BatchNorm2d(2), Residual(branching))
    error = fails(net, "torch.fx", "in module '2.body' of Sequential", "fuse_conv_bn_eval")
    assert error.module_name == "2.body"


@pytest.mark.parametrize(
    "function",
    [
        lambda x, conv, norm: norm(conv(x)) * norm.eps,
        lambda x, conv, norm: norm(conv(x)) * (1 if isinstance(norm, nn.Identity) else x),
    ],
)
def test_code_that_looks_at_a_batch_norm_is_refused(function):
    fails(Function(function, **conv_norm()), "other things with a BatchNorm than to call it")


def test_a_batch_norm_in_a_list_is_refused():
    class Listed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = conv_norm().values()
            self.steps = [self.conv, self.norm]

        def forward(self, x: Tensor) -> Tensor:
            for step in self.steps:
                x = step(x)
            return x

    fails(Listed(), "other things with a BatchNorm than to call it")


def test_example_inputs_tell_features_from_positions():
    net = trained(sequence(nn.Linear(4, 3), nn.BatchNorm1d(3)))
    check_folding(net, torch.randn(5, 4, dtype=torch.float64))
    with pytest.raises(NotHomogeneousError, match=r"\(N, F\)"):
        fold_batchnorm(net, torch.randn(5, 3, 4, dtype=torch.float64))
    with pytest.raises(TypeError, match="example_inputs"):
        fold_batchnorm(net, torch.ones(5, 4, dtype=torch.int64))
