"""DeepLIFT against the authors' package, Captum, a literal version and its own identities."""

from __future__ import annotations

import json
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
from tests.oracles.deeplift_nets import (
    RULES,
    chain,
    overlapping_net,
    randn,
    randomized,
    zeros,
)
from xgradient.attribution import x_gradient
from xgradient.deeplift import (
    Signed,
    SummationToDeltaWarning,
    UnsupportedOperationError,
    deeplift,
    rescale,
)

SHARED = Path(__file__).resolve().parents[4] / "shared"


ORACLE = SHARED / "oracle" / "revealcancel.npz"


needs_oracle = pytest.mark.skipif(
    not ORACLE.exists(), reason="the verification data next to the checkout is missing"
)


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


def test_modes_come_back_after_an_error():
    model = nn.Sequential(nn.Linear(3, 3), nn.RReLU(), nn.Softmax(0)).train()
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


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"baselines": torch.zeros(2, 1, 6, 6)},
            r"must broadcast.*got \(2, 1, 6, 6\)",
        ),
        ({"baselines": torch.zeros(2, 2, 1, 6, 6)}, r"\(3, R, 1, 6, 6\).*got \(2, 2, 1, 6, 6\)"),
        ({"baselines": torch.zeros(3, 0, 1, 6, 6)}, "at least one reference"),
        ({"baselines": torch.full((3, 2, 1, 6, 6), torch.inf)}, "finite"),
        ({"baselines": (None, None, 3, "zero")}, "baselines must be None, a number or a Tensor"),
        ({"internal_batch_size": 0}, "internal_batch_size must be at least 1"),
        ({"hypothetical": True, "multiply_by_inputs": False}, "choose one"),
        ({"mean_normalize": True, "target": lambda logits: logits[:, 0]}, "mean_normalize"),
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
        ({"model": 3}, "nn.Module or a function"),
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
