"""Networks that are more than a chain, and those that DeepLIFT refuses."""

from __future__ import annotations

import re
import warnings

import pytest
import torch
import torch.nn.functional as F
from captum.attr import DeepLift
from torch import nn

from tests.oracles.deeplift_nets import (
    RULES,
    Calls,
    chain,
    randn,
    randomized,
    zeros,
)
from xgradient.deeplift import (
    UnsupportedOperationError,
    deeplift,
)
from xgradient.models.fixup_resnet import FixupResNet50


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


def test_constants_of_the_code_do_not_become_attributes():
    model = Calls(lambda x: torch.tensor(2.0) * x + torch.tensor([[[1.0]], [[2.0]]]))
    before = set(vars(model)), set(model.state_dict())
    deeplift(model, torch.rand(2, 1, 6, 6), zeros(2), rule="revealcancel")
    assert (set(vars(model)), set(model.state_dict())) == before


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
