"""The rules by hand and on the functions of the paper, and how they are chosen."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

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
