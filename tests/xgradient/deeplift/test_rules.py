"""The rules by hand and on the functions of the paper, and how they are chosen."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.oracles import deeplift as reference_deeplift
from tests.oracles.deeplift_nets import (
    RULES,
    overlapping_net,
    randn,
    randomized,
    zeros,
)
from xgradient.deeplift import (
    Signal,
    Signed,
    deeplift,
    rescale,
    revealcancel,
)


def test_a_part_that_vanishes_gets_the_limit_of_its_multiplier():
    # From left to right: at the kink, behind it, and before it with a part that leads over it.
    reference = torch.tensor([0.0, 1.0, -1.0, 0.0, 2e-9], dtype=torch.float64)
    positive = torch.tensor([0.0, 2e-8, 2.0, 1.0, 0.0], dtype=torch.float64)
    negative = torch.tensor([0.0, -1.0, 0.0, 0.0, -3.0], dtype=torch.float64)
    signal = Signal(reference + positive + negative, reference, Signed(positive, negative))
    for dtype in (torch.float64, torch.float32):
        cast = Signal(
            signal.actual.to(dtype),
            signal.reference.to(dtype),
            Signed(positive.to(dtype), negative.to(dtype)),
        )
        multipliers = revealcancel(torch.relu, cast)
        expected = torch.tensor([1.0, 1.0, 0.5, 1.0, 0.5], dtype=dtype)
        torch.testing.assert_close(multipliers.positive, expected)
        expected = torch.tensor([1.0, 1.0, 0.5, 1.0, 2e-9 / 6], dtype=dtype)
        torch.testing.assert_close(multipliers.negative, expected, atol=1e-8, rtol=0)


def test_multipliers_do_not_jump_where_a_part_vanishes():
    reference = torch.tensor([-2.0, 0.3, 1.0], dtype=torch.float64)
    negative = torch.full((3,), -0.7, dtype=torch.float64)
    for function in (torch.tanh, F.softplus, F.gelu):
        at_zero, close = (
            revealcancel(
                function,
                Signal(reference + part + negative, reference, Signed(part, negative)),
            )
            for part in (torch.zeros_like(reference), torch.full_like(reference, 1e-6))
        )
        torch.testing.assert_close(at_zero.positive, close.positive, atol=1e-5, rtol=0)
        torch.testing.assert_close(at_zero.negative, close.negative, atol=1e-5, rtol=0)


def test_an_absent_part_counts_as_in_the_package_of_the_authors():
    model = nn.Sequential(
        nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1), nn.ReLU(), nn.Linear(1, 1)
    ).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(float(parameter.dim() == 2))
        model[0].weight.copy_(torch.tensor([[1.0, -1.0], [1.0, 0.0]]))
        model[0].bias.copy_(torch.tensor([-0.5, 0.0]))
    inputs = torch.ones(1, 2, dtype=torch.float64)
    result = deeplift(model, inputs, 0, rule="revealcancel")
    expected = torch.tensor([[1.25, -0.25]], dtype=torch.float64)
    torch.testing.assert_close(result, expected, atol=1e-6, rtol=0)


def one_hot_net() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv1d(4, 5, 3),
        nn.ReLU(),
        nn.Conv1d(5, 4, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(16, 6),
        nn.ReLU(),
        nn.Linear(6, 2),
    )


def dense_net(depth: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for _ in range(depth):
        layers += [nn.Linear(5, 5), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(5, 2))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", ["dense", "deep", "one-hot"])
def test_revealcancel_agrees_with_the_formulas_of_the_package(kind, seed):
    generator = torch.Generator().manual_seed(seed)
    if kind == "one-hot":
        model, shape = one_hot_net(), (4, 8)
        letters = torch.randint(4, (3, 2, 8), generator=generator)
        inputs, baselines = F.one_hot(letters, 4).double().transpose(-1, -2).unbind(1)
        baselines = torch.stack([baselines[0], torch.zeros(shape), torch.full(shape, 0.25)])
    else:
        model = dense_net(1 if kind == "dense" else 5)
        inputs = torch.randn(3, 5, generator=generator, dtype=torch.float64)
        baselines = torch.zeros_like(inputs)
        baselines[1, ::2] = inputs[1, ::2]
    inputs, baselines = inputs.contiguous(), baselines.double().contiguous()
    baselines[2] = (
        torch.where(torch.arange(baselines[2].numel()) < 3, 0.0, 1.0).view(baselines[2].shape)
        * inputs[2]
    )
    randomized(model, seed)
    inputs = torch.cat([inputs, inputs[:1]])
    baselines = torch.cat([baselines, inputs[:1]])  # no difference at all
    n_rules = sum(isinstance(module, nn.ReLU) for module in model)
    result = deeplift(model, inputs, 1, baselines=baselines, rule="revealcancel")
    for x, r, contributions in zip(inputs, baselines, result, strict=True):
        expected = reference_deeplift.contributions(
            model, x.numpy(), r.numpy(), 1, ["revealcancel"] * n_rules
        )
        torch.testing.assert_close(contributions, torch.from_numpy(expected), atol=1e-6, rtol=0)


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


@pytest.mark.parametrize(
    ("inputs", "reference", "chosen"),
    [
        pytest.param([-3, -1, -2], [0, 0, 0], 1, id="fell from a reference of one value"),
        pytest.param([2, 5, 3], [1, 1, 1], 1, id="rose from it"),
        pytest.param([4, 4, 1], [0, 3, 1], 1, id="rose to one value"),
        pytest.param([4, 4, 1], [6, 6, 0], 0, id="fell to it"),
    ],
)
def test_maximum_both_times_passes_the_whole_change(inputs, reference, chosen):
    inputs = torch.tensor([[inputs]], dtype=torch.float64)
    reference = torch.tensor([[reference]], dtype=torch.float64)
    expected = torch.zeros_like(inputs)
    expected[..., chosen] = inputs.max() - reference.max()
    for maximum in (lambda x: F.max_pool1d(x, 3).flatten(1), lambda x: x.amax(-1)):
        assert torch.equal(deeplift(maximum, inputs, 0, baselines=reference), expected)
        # The other way round it is the same with the other sign, where that is not arbitrary.
        if chosen == 1:
            assert torch.equal(deeplift(maximum, reference, 0, baselines=inputs), -expected)
