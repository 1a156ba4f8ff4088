"""DeepLIFT against the authors' package, Captum, a literal reference and its own identities."""

from __future__ import annotations

import json
import math
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from captum.attr import DeepLift
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tests.oracles import deeplift as reference_deeplift
from xgradient.attribution import x_gradient
from xgradient.deeplift import (
    Signal,
    Signed,
    SummationToDeltaWarning,
    UnsupportedOperationError,
    deeplift,
    rescale,
    revealcancel,
)
from xgradient.deeplift.operations import linear
from xgradient.models.fixup_resnet import FixupResNet50

SHARED = Path(__file__).resolve().parents[3] / "shared"
ORACLE = SHARED / "oracle" / "revealcancel.npz"
needs_oracle = pytest.mark.skipif(
    not ORACLE.exists(), reason="the verification data kept beside the checkout is missing"
)
RULES = ("rescale", "revealcancel", "genomics_default")


def zeros(n: int) -> torch.Tensor:
    return torch.zeros(n, dtype=torch.long)


def randn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def randomized(model: nn.Module, seed: int = 0) -> nn.Module:
    """Normal weights, biases too: nothing may be zero by chance of the initialisation."""
    generator = torch.Generator().manual_seed(seed)
    model.double()
    with torch.no_grad():
        for parameter in model.parameters():
            size = max(1, parameter[0].numel()) if parameter.dim() > 1 else 1
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * size**-0.5)
    return model


def overlapping_net() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=1, padding=1),
        nn.Conv2d(4, 3, 2),
        nn.MaxPool2d(2, stride=1),
        nn.Tanh(),
        nn.AvgPool2d(2, stride=1),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(3 * 2 * 2, 6),
        nn.LeakyReLU(0.1),
        nn.Linear(6, 3),
    )


# --- against the authors' package ----------------------------------------------------------------


def oracle_net(data: np.lib.npyio.NpzFile, name: str) -> nn.Sequential:
    layers: list[nn.Module] = []
    for index, (kind, *arguments) in enumerate(json.loads(str(data[f"{name}/spec"]))):
        if kind == "relu":
            layers.append(nn.ReLU())
        elif kind == "flat":
            layers.append(nn.Flatten())
        else:
            out_features, in_features, *kernel = arguments[0]
            layer = (
                nn.Linear(in_features, out_features)
                if kind == "lin"
                else nn.Conv2d(in_features, out_features, kernel, stride=arguments[1])
            )
            prefix = f"{name}/layer{index}"
            layer.load_state_dict(
                {key: torch.from_numpy(data[f"{prefix}/{key}"]) for key in ("weight", "bias")}
            )
            layers.append(layer)
    return nn.Sequential(*layers)


@needs_oracle
@pytest.mark.parametrize("reference", ["r0", "r1"])
@pytest.mark.parametrize(
    ("rule", "official"),
    [
        ("rescale", "Rescale"),
        ("revealcancel", "RevealCancel"),
        ("genomics_default", "DeepLIFT_GenomicsDefault"),
    ],
)
@pytest.mark.parametrize("name", ["mlp", "conv2d", "minnet"])
def test_agrees_with_the_package_of_the_authors(name, rule, official, reference):
    with np.load(ORACLE) as data:
        model = oracle_net(data, name)
        inputs = torch.from_numpy(data[f"{name}/x"])
        baselines = torch.from_numpy(data[f"{name}/{reference}"])
        expected = torch.from_numpy(data[f"{name}/deeplift/{official}/{reference}"])
    assert expected.abs().max() > 0.1
    for target in range(expected.shape[1]):
        labels = torch.full((len(inputs),), target)
        result = deeplift(model, inputs, labels, baselines=baselines, rule=rule)
        torch.testing.assert_close(result, expected[:, target], atol=1e-5, rtol=0)


# --- against the definition ----------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("rule", RULES)
def test_agrees_with_the_literal_reference(rule, seed):
    model = randomized(overlapping_net(), seed).eval()
    names = {
        "rescale": ["rescale"] * 3,
        "revealcancel": ["revealcancel"] * 3,
        "genomics_default": ["rescale", "rescale", "revealcancel"],
    }[rule]
    inputs, baselines = randn(2, 2, 5, 5, seed=seed), randn(2, 2, 5, 5, seed=seed + 100)
    inputs[:, :, 1:3, 2] = baselines[:, :, 1:3, 2]  # inputs that do not differ
    target = torch.tensor([2, 0])
    result = deeplift(model, inputs, target, baselines=baselines, rule=rule)
    for n in range(len(inputs)):
        expected = reference_deeplift.contributions(
            model, inputs[n].numpy(), baselines[n].numpy(), int(target[n]), names
        )
        np.testing.assert_allclose(result[n].numpy(), expected, atol=1e-12)


def test_a_part_that_is_not_there_is_exactly_nothing():
    # Behind an input that does not differ the multipliers of both signs count the same, so that
    # rounding in place of a part would show.
    generator = torch.Generator().manual_seed(0)
    layer = nn.Linear(50, 2000)
    with torch.no_grad():
        layer.weight[:1000].abs_()
    actual, reference = torch.rand(2, 20, 50, generator=generator)
    actual += 1.0
    output, _ = linear(layer, Signal(actual, reference), with_parts=True)
    assert (output.parts.negative[:, :1000] == 0).all()
    assert (output.parts.negative[:, 1000:] < 0).any()
    multipliers = revealcancel(torch.tanh, output)
    assert (multipliers.negative[:, :1000] == 0).all()
    mirrored = Signal(
        output.reference, output.actual, Signed(-output.parts.negative, -output.parts.positive)
    )
    assert (revealcancel(torch.tanh, mirrored).positive[:, :1000] == 0).all()


def test_small_parts_are_divided_by_no_less_than_the_pseudocount():
    part = torch.tensor([2e-8, 5e-7], dtype=torch.float64)
    reference = torch.ones(2, dtype=torch.float64)
    signal = Signal(reference, reference, Signed(part, -part))
    multipliers = revealcancel(torch.clone, signal)
    expected = torch.tensor([2e-8 / 1.2e-7, 1.0], dtype=torch.float64)
    torch.testing.assert_close(multipliers.positive, expected)
    torch.testing.assert_close(multipliers.negative, expected)


def test_a_unit_at_its_reference_passes_its_gradient():
    model = nn.Sequential(nn.Linear(2, 1), nn.Tanh(), nn.Linear(1, 1)).double()
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[1.0, -1.0]]))
        model[0].bias.fill_(0.5)
        model[2].weight.fill_(2.0)
    inputs = torch.tensor([[3.0, 3.0], [1.0, 1.0 + 1e-8]], dtype=torch.float64)
    slope = 2 * (1 - math.tanh(0.5) ** 2)
    result = deeplift(model, inputs, zeros(2), rule="rescale")
    torch.testing.assert_close(result, slope * inputs * torch.tensor([1.0, -1.0]))


@st.composite
def random_nets(draw) -> tuple[nn.Sequential, tuple[int, ...]]:
    """Convolutional nets with overlapping pooling between any two layers."""
    channels, side = draw(st.integers(1, 3)), draw(st.integers(7, 10))
    shape = (channels, side, side)
    layers: list[nn.Module] = []
    for _ in range(draw(st.integers(1, 3))):
        out_channels = draw(st.integers(1, 4))
        layers.append(
            draw(
                st.sampled_from(
                    [
                        nn.Conv2d(channels, out_channels, 3, padding=draw(st.integers(0, 1))),
                        nn.Conv2d(channels, out_channels, 2, stride=2),
                        nn.Conv2d(channels, out_channels, 2, padding="same", dilation=1),
                        nn.Conv2d(channels, channels * out_channels, 3, padding=1, groups=channels),
                    ]
                )
            )
        )
        pieces = [
            draw(st.sampled_from([nn.ReLU(), nn.LeakyReLU(0.2), nn.PReLU(), nn.Sigmoid()])),
            draw(
                st.sampled_from(
                    [
                        nn.MaxPool2d(3, stride=1, padding=1),
                        nn.MaxPool2d(2, stride=1, ceil_mode=True),
                        nn.MaxPool2d(2, stride=1, dilation=2, padding=1),
                        nn.AvgPool2d(2, stride=1),
                        nn.AdaptiveAvgPool2d((3, 2)),
                        nn.AdaptiveMaxPool2d(4),
                        nn.Identity(),
                    ]
                )
            ),
        ]
        if draw(st.booleans()):
            pieces.reverse()
        layers += pieces
        with torch.no_grad():
            output = nn.Sequential(*layers)(torch.zeros(1, *shape))
        channels = output.shape[1]
        if min(output.shape[2:]) < 3:
            break
    layers += [nn.Flatten(), nn.Linear(output[0].numel(), 5), nn.Tanh(), nn.Linear(5, 3)]
    return nn.Sequential(*layers), shape


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@settings(max_examples=60)
@given(net=random_nets(), seed=st.integers(0, 1000), rule=st.sampled_from(RULES))
def test_contributions_sum_to_the_difference_of_the_logit(net, seed, rule):
    model, shape = net
    randomized(model, seed)
    inputs, baselines = randn(3, *shape, seed=seed), randn(3, *shape, seed=seed + 1)
    target = torch.tensor([0, 1, 2])
    result, delta = deeplift(
        model, inputs, target, baselines=baselines, rule=rule, return_convergence_delta=True
    )
    with torch.no_grad():
        change = (model(inputs) - model(baselines)).gather(1, target[:, None])[:, 0]
    missed = result.flatten(1).sum(1) - change
    assert missed.abs().max() < 1e-9
    torch.testing.assert_close(delta, missed, atol=1e-12, rtol=0)


# --- against Captum ------------------------------------------------------------------------------


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh, nn.Sigmoid])
@pytest.mark.parametrize("pool", [nn.AvgPool2d(2), nn.AvgPool2d(3, stride=1), nn.Identity()])
@pytest.mark.parametrize("first", [nn.Identity(), nn.MaxPool2d(2)])
def test_rescale_agrees_with_captum(activation, pool, first):
    # Captum's max pooling keeps summation-to-delta at the input only, and without overlap.
    model = nn.Sequential(first, nn.Conv2d(2, 4, 3), activation(), pool, nn.Flatten())
    n_features = model(torch.zeros(1, 2, 10, 10)).shape[1]
    model.extend([nn.Linear(n_features, 7), activation(), nn.Linear(7, 3)])
    randomized(model)
    inputs, baselines = randn(4, 2, 10, 10), randn(4, 2, 10, 10, seed=1)
    target = torch.arange(4) % 3
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected, captum_delta = DeepLift(model).attribute(
            inputs, baselines, target=target, return_convergence_delta=True
        )
    assert captum_delta.abs().max() < 1e-9
    result = deeplift(model, inputs, target, baselines=baselines, rule="rescale")
    torch.testing.assert_close(result, expected.detach(), atol=1e-9, rtol=0)


# --- what the paper shows ------------------------------------------------------------------------


class Saturating(nn.Module):
    """``1 - ReLU(1 - i1 - i2)``, Figure 1 of the paper."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 1.0 - F.relu(1.0 - x.mean(1, keepdim=True) * 2)


class Minimum(nn.Module):
    """``min(i1, i2) = i1 - ReLU(i1 - i2)``, Figure 3 of the paper."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(2, 1, bias=False)
        self.second = nn.Linear(2, 1, bias=False)
        self.relu = nn.ReLU()
        with torch.no_grad():
            self.first.weight.copy_(torch.tensor([[1.0, 0.0]]))
            self.second.weight.copy_(torch.tensor([[0.0, 1.0]]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = self.first(x)
        return first - self.relu(first - self.second(x))


@pytest.mark.parametrize("rule", RULES)
def test_a_saturated_unit_still_gets_contributions(rule):
    inputs = torch.tensor([[1.0, 1.0], [3.0, 1.0], [0.25, 0.5]], dtype=torch.float64)
    result = deeplift(Saturating(), inputs, zeros(3), rule=rule)
    expected = inputs / inputs.sum(1, keepdim=True).clamp(min=1)
    torch.testing.assert_close(result, expected)


@pytest.mark.parametrize("rule", RULES)
def test_no_jump_at_a_threshold(rule):
    model = nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 1, bias=False)).double()
    with torch.no_grad():
        model[0].weight.fill_(1.0)
        model[0].bias.fill_(-10.0)
        model[2].weight.fill_(1.0)
    inputs = torch.tensor([[10.0 - 1e-6], [10.0], [10.0 + 1e-6], [11.0]], dtype=torch.float64)
    result = deeplift(model, inputs, zeros(4), rule=rule)
    torch.testing.assert_close(result, (inputs - 10).clamp(min=0), atol=1e-12, rtol=0)


def test_the_minimum_is_shared_by_revealcancel_alone():
    inputs = torch.tensor([[1.0, 3.0], [2.0, 0.5], [4.0, 4.0]], dtype=torch.float64)
    model = Minimum().double()
    smallest = inputs.min(1, keepdim=True).values
    shared = deeplift(model, inputs, zeros(3), rule="revealcancel")
    torch.testing.assert_close(shared, (0.5 * smallest).expand(-1, 2))
    alone = deeplift(model, inputs, zeros(3), rule="rescale")[:2]
    expected = torch.where(inputs == smallest, smallest, 0.0)[:2]
    torch.testing.assert_close(alone, expected, atol=1e-12, rtol=0)


def test_rescale_is_x_gradient_on_a_homogeneous_net():
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, bias=False),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2),
        nn.Conv2d(4, 4, 2, bias=False),
        nn.LeakyReLU(0.3),
        nn.Flatten(),
        nn.Linear(4 * 2 * 2, 3, bias=False),
    )
    randomized(model)
    inputs, target = randn(5, 1, 9, 9), torch.arange(5) % 3
    result = deeplift(model, inputs, target, rule="rescale")
    torch.testing.assert_close(result, x_gradient(model, inputs, target), atol=1e-12, rtol=0)


# --- graphs --------------------------------------------------------------------------------------


class Reusing(nn.Module):
    """A linear, a ReLU and a pooling module used twice, or two of each with the same weights."""

    def __init__(self, separate: bool) -> None:
        super().__init__()
        self.enter, self.leave = nn.Conv1d(2, 4, 3), nn.Linear(8, 3)
        self.mix, self.relu, self.pool = nn.Linear(6, 6), nn.ReLU(), nn.MaxPool1d(2, stride=1)
        if separate:
            self.mix2, self.relu2, self.pool2 = nn.Linear(6, 6), nn.ReLU(), nn.MaxPool1d(2, 1)
        self.separate = separate

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        again = [self.mix, self.relu, self.pool]
        if self.separate:
            again = [self.mix2, self.relu2, self.pool2]
        mix, relu, pool = again
        hidden = self.relu(self.mix(self.enter(x)))
        branch = pool(relu(mix(hidden)))
        return self.leave(torch.cat([branch.mean(2), self.pool(hidden).mean(-1)], dim=1))


@pytest.mark.parametrize("rule", RULES)
def test_reused_modules(rule):
    inputs, baselines = randn(3, 2, 8), randn(3, 2, 8, seed=1)
    shared, separate = Reusing(False), Reusing(True)
    randomized(shared)
    separate.double().load_state_dict(
        {**shared.state_dict(), "mix2.weight": shared.mix.weight, "mix2.bias": shared.mix.bias}
    )
    result, delta = deeplift(
        shared, inputs, zeros(3), baselines=baselines, rule=rule, return_convergence_delta=True
    )
    expected = deeplift(separate, inputs, zeros(3), baselines=baselines, rule=rule)
    torch.testing.assert_close(result, expected, atol=1e-14, rtol=0)
    assert delta.abs().max() < 1e-12
    assert result.abs().min() > 0


class Residual(nn.Module):
    """``relu(V relu(W x) + x)`` between two linear layers, written in several ways."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.enter, self.leave = nn.Linear(5, 4), nn.Linear(4, 2)
        self.inner, self.outer = nn.Linear(4, 6), nn.Linear(6, 4)
        self.relu = nn.ReLU(inplace=way == "in place")
        self.way = way

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.enter(x)
        branch = self.outer(self.relu(self.inner(x)))
        if self.way == "in place":
            branch += x
        elif self.way == "functions":
            branch = torch.add(branch, x)
        elif self.way == "signs":
            branch = -(-x - branch) * 2.0 / 2.0 + 0.0
        else:
            branch = branch + x
        return self.leave(F.relu(branch) if self.way == "functions" else self.relu(branch))


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("way", ["in place", "functions", "signs"])
def test_residual_sums_in_any_notation(way, rule):
    plain, other = Residual("plain"), Residual(way)
    randomized(plain)
    other.double().load_state_dict(plain.state_dict())
    inputs, baselines = randn(6, 5), randn(6, 5, seed=1)
    expected, delta = deeplift(
        plain, inputs, zeros(6), baselines=baselines, rule=rule, return_convergence_delta=True
    )
    assert delta.abs().max() < 1e-12
    result = deeplift(other, inputs, zeros(6), baselines=baselines, rule=rule)
    torch.testing.assert_close(result, expected, atol=1e-12, rtol=0)


def test_rescale_of_a_residual_sum_agrees_with_captum():
    model = Residual("plain")
    # Captum refuses a module that is used twice.
    model.relu2 = nn.ReLU()
    model.forward = lambda x: model.leave(
        model.relu2(model.outer(model.relu(model.inner(model.enter(x)))) + model.enter(x))
    )
    randomized(model)
    inputs, baselines = randn(6, 5), randn(6, 5, seed=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = DeepLift(model).attribute(inputs, baselines, target=1)
    result = deeplift(model, inputs, zeros(6) + 1, baselines=baselines, rule="rescale")
    torch.testing.assert_close(result, expected.detach(), atol=1e-12, rtol=0)


@pytest.mark.parametrize("rule", RULES)
def test_a_deep_residual_network(rule):
    model = randomized(FixupResNet50(num_classes=5, in_channels=1, geometry="small"))
    inputs = randn(2, 1, 12, 12)
    result, delta = deeplift(
        model, inputs, torch.tensor([1, 4]), rule=rule, return_convergence_delta=True
    )
    assert result.abs().max() > 1e-3
    assert delta.abs().max() < 1e-9 * result.abs().sum()


class Shapes(nn.Module):
    """Reads sizes from its input and reshapes by them."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc = nn.Conv2d(1, 2, 3), nn.Linear(2 * 4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = F.max_pool2d(self.conv(x), 3, stride=1).sigmoid()
        hidden = F.adaptive_avg_pool2d(hidden, output_size=2)
        hidden = hidden.view(hidden.size(0), hidden.shape[1] * 4)
        return self.fc(F.dropout(hidden, 0.5, self.training))


@pytest.mark.parametrize("rule", RULES)
def test_a_shared_reference_equals_a_reference_per_input(rule):
    model = randomized(Shapes())
    inputs, baseline = randn(4, 1, 8, 8), randn(1, 1, 8, 8, seed=1)
    expected = deeplift(
        model, inputs, zeros(4), baselines=baseline.expand(4, -1, -1, -1), rule=rule
    )
    assert expected.abs().max() > 0.01
    result = deeplift(model, inputs, zeros(4), baselines=baseline, rule=rule)
    torch.testing.assert_close(result, expected, atol=1e-13, rtol=0)
    result = deeplift(model, inputs, zeros(4), baselines=baseline[0], rule=rule)
    torch.testing.assert_close(result, expected, atol=1e-13, rtol=0)


def test_a_single_layer_is_a_model():
    model = nn.Linear(3, 2).double()
    inputs = randn(4, 3)
    result = deeplift(model, inputs, zeros(4), rule="revealcancel")
    torch.testing.assert_close(result, inputs * model.weight[0].detach())


def test_a_wide_layer_is_worked_through_in_blocks():
    # More weights than are copied at once, and a number that does not divide.
    model = nn.Sequential(nn.Linear(1100, 1501), nn.ReLU(), nn.Linear(1501, 2))
    randomized(model)
    inputs = randn(2, 1100)
    result = deeplift(model, inputs, zeros(2), rule="revealcancel")
    # The same net with every unit of the wide layer in one of two narrow layers.
    split = Halves(model)
    expected = deeplift(split, inputs, zeros(2), rule="revealcancel")
    torch.testing.assert_close(result, expected, atol=1e-12, rtol=0)


class Halves(nn.Module):
    """The hidden layer of a net in two halves of few enough weights, side by side."""

    def __init__(self, model: nn.Sequential) -> None:
        super().__init__()
        wide = model[0]
        self.parts = nn.ModuleList()
        for rows in (slice(0, 700), slice(700, None)):
            weight = wide.weight.detach()[rows]
            part = nn.Linear(weight.shape[1], weight.shape[0]).double()
            part.load_state_dict({"weight": weight, "bias": wide.bias.detach()[rows]})
            self.parts.append(part)
        self.relu, self.leave = model[1], model[2]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.leave(self.relu(torch.cat([part(x) for part in self.parts], 1)))


# --- references, targets, options ----------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES)
def test_several_references_are_averaged(rule):
    model = randomized(overlapping_net())
    inputs = randn(3, 2, 5, 5)
    references = [randn(3, 2, 5, 5, seed=1), randn(1, 2, 5, 5, seed=2), 0.5]
    each = [
        deeplift(model, inputs, zeros(3), baselines=r, rule=rule, return_convergence_delta=True)
        for r in references
    ]
    result, delta = deeplift(
        model, inputs, zeros(3), baselines=references, rule=rule, return_convergence_delta=True
    )
    torch.testing.assert_close(result, sum(r for r, _ in each) / 3)
    torch.testing.assert_close(delta, sum(d for _, d in each) / 3, atol=1e-12, rtol=0)


@pytest.mark.parametrize("rule", RULES)
def test_mean_normalization_subtracts_the_mean_over_all_logits(rule):
    model = randomized(overlapping_net())
    inputs, baselines = randn(3, 2, 5, 5), randn(3, 2, 5, 5, seed=1)
    every = torch.stack(
        [deeplift(model, inputs, zeros(3) + k, baselines=baselines, rule=rule) for k in range(3)]
    )
    for k in range(3):
        result, delta = deeplift(
            model,
            inputs,
            zeros(3) + k,
            baselines=baselines,
            rule=rule,
            mean_normalize=True,
            return_convergence_delta=True,
        )
        torch.testing.assert_close(result, every[k] - every.mean(0), atol=1e-12, rtol=0)
        assert delta.abs().max() < 1e-12


@pytest.mark.parametrize(
    "specification",
    [
        {"1": "rescale", "5": "rescale", "10": "revealcancel"},
        {nn.Module: "rescale", nn.LeakyReLU: revealcancel},
        {nn.ReLU: rescale, nn.Tanh: rescale, nn.LeakyReLU: rescale, "10": "revealcancel"},
        lambda name, module: "revealcancel" if isinstance(module, nn.LeakyReLU) else "rescale",
    ],
)
def test_rules_by_name_by_type_and_by_function(specification):
    model = randomized(overlapping_net())
    inputs, baselines = randn(3, 2, 5, 5), randn(3, 2, 5, 5, seed=1)
    expected = deeplift(model, inputs, zeros(3), baselines=baselines, rule="genomics_default")
    result = deeplift(model, inputs, zeros(3), baselines=baselines, rule=specification)
    torch.testing.assert_close(result, expected, atol=0, rtol=0)
    assert not torch.equal(
        result, deeplift(model, inputs, zeros(3), baselines=baselines, rule="rescale")
    )


def test_the_genomics_default_looks_for_the_layer_before():
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.fc, self.leave = nn.Conv1d(1, 2, 3), nn.Linear(8, 8), nn.Linear(16, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            hidden = torch.flatten(self.conv(x), 1)
            dense = self.fc(hidden)
            return self.leave(torch.cat([F.relu(dense), F.relu(dense + hidden)], 1).tanh())

    model = randomized(Net())
    inputs = randn(3, 1, 6)
    result = deeplift(model, inputs, zeros(3), rule="genomics_default")
    # Where a convolution is among the layers before, it is Rescale.
    seen = []

    def choose(name: str, module: nn.Module | None) -> str:
        assert module is None
        seen.append(name)
        return "revealcancel" if name == "relu" else "rescale"

    torch.testing.assert_close(result, deeplift(model, inputs, zeros(3), rule=choose))
    assert seen == ["relu", "relu_1", "tanh"]


# --- nothing is left behind, nothing is silently wrong -------------------------------------------


def test_model_and_gradients_are_left_as_they_are():
    model = randomized(overlapping_net())
    model.train()
    model[1].eval()
    modes = [module.training for module in model.modules()]
    attributes = set(vars(model))
    inputs = randn(2, 2, 5, 5).requires_grad_()
    with torch.inference_mode():
        first = deeplift(model, inputs, zeros(2), rule="revealcancel")
    second = deeplift(model, inputs, zeros(2), rule="revealcancel")
    assert torch.equal(first, second)
    assert not second.requires_grad
    assert inputs.grad is None
    assert all(parameter.grad is None for parameter in model.parameters())
    assert [module.training for module in model.modules()] == modes
    assert set(vars(model)) == attributes


def test_constants_of_the_code_do_not_become_attributes():
    model = Calls(lambda x: torch.tensor(2.0) * x + torch.tensor([[[1.0]], [[2.0]]]))
    before = set(vars(model)), set(model.state_dict())
    deeplift(model, torch.rand(2, 1, 6, 6), zeros(2), rule="revealcancel")
    assert (set(vars(model)), set(model.state_dict())) == before


def test_modes_come_back_after_an_error():
    model = nn.Sequential(nn.Linear(3, 3), nn.GELU(), nn.Linear(3, 2)).train()
    with pytest.raises(UnsupportedOperationError):
        deeplift(model, torch.rand(2, 3), zeros(2))
    assert all(module.training for module in model.modules())


def test_a_failed_sum_is_a_warning_that_says_by_how_much():
    def half(function, signal):
        multipliers = rescale(function, signal)
        return multipliers.map(lambda values: 0.5 * values)

    model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.ReLU(), nn.Linear(1, 1, bias=False))
    with torch.no_grad():
        model[0].weight.fill_(1.0)
        model[2].weight.fill_(1.0)
    inputs = torch.tensor([[1.0], [6.0]])
    with pytest.warns(SummationToDeltaWarning, match=r"input 1 .* by 3, .*2 of 2"):
        _, delta = deeplift(
            model, inputs, zeros(2), rule=lambda *_: half, return_convergence_delta=True
        )
    torch.testing.assert_close(delta, torch.tensor([-0.5, -3.0]))
    references = [torch.zeros(1, 1), torch.tensor([[0.5]])]
    with pytest.warns(SummationToDeltaWarning):
        _, delta = deeplift(
            model,
            inputs,
            zeros(2),
            baselines=references,
            rule=lambda *_: half,
            return_convergence_delta=True,
        )
    torch.testing.assert_close(delta, torch.tensor([-0.375, -2.875]))
    with pytest.warns(SummationToDeltaWarning, match="by nan"):
        deeplift(model, inputs, zeros(2), rule=lambda *_: _not_a_number)


def _not_a_number(function, signal):
    values = torch.full_like(signal.actual, torch.nan)
    return Signed(values, values)


def test_no_warning_without_a_reason():
    model = randomized(overlapping_net()).float()
    inputs = 255 * randn(20, 2, 5, 5).float()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for rule in RULES:
            deeplift(model, inputs, zeros(20), rule=rule)


def chain(*layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(1, 2, 3), *layers, nn.Flatten(), nn.Linear(32, 2))


class Calls(nn.Module):
    """Runs one function between two layers, and one behind them."""

    def __init__(self, function, last=lambda x: x) -> None:
        super().__init__()
        self.last = last
        self.block = nn.Module()
        self.function = function
        self.block.conv = nn.Conv2d(1, 2, 3)
        self.leave = nn.Linear(32, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.leave(self.function(self.block.conv(x)).flatten(1)))


class Twice(nn.Module):
    """Uses a value before, or after, an in-place ReLU overwrites it."""

    def __init__(self, after: bool, inplace: bool = True) -> None:
        super().__init__()
        self.relu, self.after = nn.ReLU(inplace), after

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.after:
            return self.relu(x) + x.tanh()
        before = x.tanh()
        return self.relu(x) + before


def _relu_then_again(x: torch.Tensor) -> torch.Tensor:
    return F.relu(x, inplace=True) + x


def _add_in_place_then_again(x: torch.Tensor) -> torch.Tensor:
    y = x
    y += 1.0
    return y + x.relu()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (chain(nn.BatchNorm2d(2)), "module '1' (BatchNorm2d)"),
        (chain(nn.Sequential(nn.Identity(), nn.GELU())), "module '1.1' (GELU)"),
        (nn.Sequential(chain(), nn.Softmax(1)), "module '1' (Softmax).*logit before a softmax"),
        (nn.Sequential(nn.Conv2d(1, 2, 3, padding_mode="circular"), nn.Flatten()), "'0' (Conv2d)"),
        (chain(nn.ReLU6()), "module '1' (ReLU6)"),
        (Calls(lambda x: x * x), "mul() called by the model itself"),
        (Calls(lambda x: x / (1 + x)), "division by a signal"),
        (Calls(torch.exp), "exp()"),
        (Calls(lambda x: F.gelu(x)), "gelu()"),
        (Calls(lambda x: F.dropout(x, 0.5)), "active at evaluation"),
        (Calls(lambda x: torch.relu_(x)), "relu_()"),
        (Calls(lambda x: F.max_pool2d(x, 1, return_indices=True)[0]), "with_indices"),
        (chain(nn.MaxPool2d(1, return_indices=True)), "module '1' (MaxPool2d)"),
        (Calls(_relu_then_again), "relu() called by the model itself.* overwrites a value"),
        (chain(Twice(after=True)), "module '1.relu' (ReLU) overwrites a value"),
        (Calls(_add_in_place_then_again), "other logits than the model"),
        (Calls(lambda x: x if x.sum() > 0 else -x), "torch.fx cannot show"),
        (Calls(lambda x: x + torch.zeros(3, 2, 4, 4)), "broadcast"),
        (Calls(lambda x: x.mean(0)), "first axis"),
        (nn.Sequential(nn.Conv2d(1, 2, 3)), "logits, shape (N, K)"),
        (Calls(lambda x: x, lambda x: (x, x)), "logits, shape (N, K)"),
    ],
)
def test_what_has_no_rule_is_an_error_that_names_it(model, message):
    pattern = ".*".join(re.escape(part) for part in message.split(".*"))
    with pytest.raises(UnsupportedOperationError, match=pattern):
        deeplift(model, torch.rand(1, 1, 6, 6), zeros(1))


def test_a_value_may_be_overwritten_after_its_last_use():
    inputs = torch.randn(4, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    model = chain(Twice(after=False))
    result = deeplift(model, inputs, zeros(4), rule="revealcancel")
    model[1].relu.inplace = False
    assert torch.equal(result, deeplift(model, inputs, zeros(4), rule="revealcancel"))


def test_hooks_may_look_but_not_change():
    model = chain(nn.ReLU())
    inputs = torch.rand(1, 1, 6, 6)
    expected = deeplift(model, inputs, zeros(1))
    seen = []
    model[1].register_forward_hook(lambda module, args, output: seen.append(output))
    assert torch.equal(deeplift(model, inputs, zeros(1)), expected)
    assert seen
    model[1].register_forward_hook(lambda module, args, output: 2 * output)
    with pytest.raises(UnsupportedOperationError, match=r"forward hook of module '1' \(ReLU\)"):
        deeplift(model, inputs, zeros(1))


def test_a_second_input_is_refused():
    class Two(nn.Module):
        def forward(self, x, y):
            return x + y

    with pytest.raises(UnsupportedOperationError, match="second input 'y'"):
        deeplift(Two(), torch.rand(2, 3), zeros(2))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"baselines": torch.zeros(2, 1, 6, 6)},
            r"must broadcast.*got \(2, 1, 6, 6\)",
        ),
        ({"baselines": torch.zeros(3, 2, 1, 6, 6)}, r"got \(3, 2, 1, 6, 6\)"),
        ({"baselines": []}, "at least one reference, got an empty"),
        ({"baselines": torch.full((1, 1, 6, 6), torch.nan)}, "NaN"),
        ({"target": torch.tensor([0, 1, 2])}, r"\[0, 2\).*target\[2\] = 2"),
        ({"target": torch.tensor([0, -1, 1])}, r"target\[1\] = -1"),
        ({"target": torch.tensor([0, 1])}, r"target must have shape \(3,\)"),
        ({"target": torch.zeros(3)}, "integer.*got torch.float32"),
        ({"rule": "reveal"}, "unknown DeepLIFT rule 'reveal' for '1'"),
        ({"rule": {nn.Tanh: "rescale"}}, "has none for '1'"),
        ({"rule": {nn.ReLU: "rescale", "7": "rescale"}}, "names '7'"),
        ({"rule": {nn.ReLU: 3}}, "rule for '1' is 3"),
        ({"inputs": torch.zeros(3, 1, 6, 6, dtype=torch.uint8)}, "floating-point"),
        ({"model": F.relu}, "nn.Module"),
    ],
)
def test_what_does_not_fit_is_an_error(changed, message):
    arguments = {
        "model": chain(nn.ReLU()),
        "inputs": torch.rand(3, 1, 6, 6),
        "baselines": None,
        "target": zeros(3),
    }
    with pytest.raises((ValueError, TypeError), match=message):
        deeplift(**{**arguments, **changed})
