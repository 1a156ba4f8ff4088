"""Networks that are more than a chain: reuse, branches, hooks, memory that is overwritten."""

from __future__ import annotations

import gc
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
    nonlinearities,
    register_nonlinearity,
)
from xgradient.deeplift.nonlinearities import Nonlinearities
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


def _add_in_place_then_again(x: torch.Tensor) -> torch.Tensor:
    y = x
    y += 1.0
    return y + x.relu()


@pytest.mark.parametrize("rule", RULES)
def test_values_that_are_overwritten_have_their_new_value(rule):
    inputs = randn(4, 1, 6, 6)
    overwriting = [
        (lambda x: F.relu(x, inplace=True) + x, lambda x: 2 * F.relu(x)),
        (_add_in_place_then_again, lambda x: x + 1 + (x + 1).relu()),
        (lambda x: x.mul_(x), lambda x: x * x),
        (Twice(after=True), lambda x: F.relu(x) + F.relu(x).tanh()),
        (Twice(after=False), Twice(after=False, inplace=False)),
    ]
    for in_place, out_of_place in overwriting:
        results = []
        for function in (in_place, out_of_place):
            model = randomized(Calls(function))
            results.append(deeplift(model, inputs, 0, rule=rule))
        torch.testing.assert_close(*results, atol=1e-14, rtol=0)


def _view_then_overwritten(x: torch.Tensor) -> torch.Tensor:
    view = x.flatten(1)
    x += 1.0
    return view * 2


def _overwritten_through_a_view(x: torch.Tensor) -> torch.Tensor:
    x[:, 0].mul_(2.0)
    return x.tanh()


def _overwritten_before_its_parts_are_needed(x: torch.Tensor) -> torch.Tensor:
    x = x.flatten(1)
    weighted = F.linear(x, torch.ones(32, 32))
    x.zero_()
    return weighted.tanh()


@pytest.mark.parametrize(
    "function",
    [_view_then_overwritten, _overwritten_through_a_view, _overwritten_before_its_parts_are_needed],
)
def test_memory_overwritten_behind_its_back_is_an_error(function):
    with pytest.raises(UnsupportedOperationError, match=r"works? in place"):
        deeplift(Calls(function), torch.rand(2, 1, 6, 6), 0, rule="revealcancel")


def test_hooks_count_as_code_of_the_model():
    model = randomized(chain(nn.ReLU()))
    inputs = randn(3, 1, 6, 6)
    expected = deeplift(model, inputs, 0)
    seen = []
    model[1].register_forward_hook(lambda module, args, output: seen.append(output))
    assert torch.equal(deeplift(model, inputs, 0), expected)
    assert seen
    model[1].register_forward_hook(lambda module, args, output: 2 * output)
    result, delta = deeplift(model, inputs, 0, return_convergence_delta=True)
    assert delta.abs().max() < 1e-12
    torch.testing.assert_close(result, 2 * expected)


class Optional(nn.Module):
    """Code that no graph could show: options, flags, branches on shapes, many arguments."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 3), nn.Linear(4, 3)

    def forward(self, *args, scale=None, **options):
        (x,) = args
        layer = self.first if x.shape[1] == 4 and x.ndim == 2 else self.second
        hidden = layer(x)
        if scale is not None:
            hidden = hidden * scale
        assert len(hidden) == x.size(0)
        return {"logits": F.relu(hidden) if self.training else F.softplus(hidden)}


def test_code_that_no_graph_can_show():
    model = randomized(Optional())
    inputs = randn(3, 4)
    result, delta = deeplift(model, inputs, 1, output="logits", return_convergence_delta=True)
    plain = nn.Sequential(model.first, nn.Softplus())
    assert delta.abs().max() < 1e-14
    torch.testing.assert_close(result, deeplift(plain, inputs, 1), atol=1e-14, rtol=0)
    functional = deeplift(lambda x: F.softplus(model.first(x)), inputs, 1)
    torch.testing.assert_close(functional, result, atol=1e-14, rtol=0)


def test_hooks_are_removed_also_after_an_error():
    model = nn.Sequential(nn.Linear(3, 3), Calls(lambda x: x)).double()
    for inputs in (randn(2, 3), randn(2, 4)):
        with pytest.raises((RuntimeError, UnsupportedOperationError)):
            deeplift(model, inputs, 0)
        for module in model.modules():
            assert not module._forward_hooks
            assert not module._forward_pre_hooks


@pytest.mark.parametrize("special", [nn.ReLU, nn.MultiheadAttention])
def test_hooks_of_modules_that_are_passed_as_a_whole(special):
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = (
                nn.MultiheadAttention(6, 2, batch_first=True)
                if special is nn.MultiheadAttention
                else nn.ReLU()
            )

        def forward(self, x):
            if special is nn.MultiheadAttention:
                return self.inner(x, x, x, need_weights=False)[0].flatten(1)
            return self.inner(x).flatten(1)

    model = randomized(Model())
    model.inner.register_forward_pre_hook(lambda module, args: tuple(arg.tanh() for arg in args))
    model.inner.register_forward_hook(
        lambda module, args, output: (
            (output[0] * output[0].sigmoid(), None)
            if isinstance(output, tuple)
            else output * output.sigmoid()
        )
    )
    inputs, baselines = randn(2, 3, 6), randn(2, 3, 6, seed=1)
    result, delta = deeplift(
        model,
        inputs,
        0,
        baselines=baselines,
        nonlinearities=[nn.ReLU],
        return_convergence_delta=True,
    )
    with torch.no_grad():
        change = (model(inputs) - model(baselines))[:, 0]
    torch.testing.assert_close(result.flatten(1).sum(1), change, atol=1e-12, rtol=0)
    assert delta.abs().max() < 1e-12


class Rectified(torch.autograd.Function):
    """A ReLU with a derivative of its own, which DeepLIFT does not look at."""

    @staticmethod
    def forward(ctx, x):
        return x.relu()


def test_a_custom_autograd_function_is_seen():
    model, plain = randomized(Calls(Rectified.apply)), randomized(Calls(torch.relu))
    inputs = randn(3, 1, 6, 6)
    assert torch.equal(deeplift(model, inputs, 0), deeplift(plain, inputs, 0))


def _sent_elsewhere(x: torch.Tensor) -> torch.Tensor:
    with torch._C.DisableTorchFunction():
        return x.relu()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Calls(_sent_elsewhere), "does not depend on its input.*scripted"),
        # Of the absolute values, which the ReLU cannot all turn into zero.
        (Calls(lambda x: _sent_elsewhere(x.abs()) + x), "through calls that can be seen"),
        (Calls(lambda x: torch.zeros(len(x), 32)), "does not depend on its input"),
        (chain(torch.compile(nn.ReLU())), "module '1', which is compiled"),
    ],
)
def test_what_cannot_be_seen_is_an_error(model, message):
    with pytest.raises(UnsupportedOperationError, match=message):
        deeplift(model, torch.rand(2, 1, 6, 6), 0)


@pytest.mark.parametrize("rule", RULES)
def test_nonlinearities_of_the_user(rule):
    class Bump(nn.Module):
        def forward(self, x):
            return torch.special.i0(x.mul_(-1)).log()

    inputs, baselines = randn(3, 1, 6, 6), randn(3, 1, 6, 6, seed=1)
    changes = {}
    for layer, known in (
        (Bump(), [Bump]),
        (Calls(lambda x: torch.special.i0(-x).log(), None).function, [torch.special.i0]),
    ):
        model = randomized(chain(layer) if isinstance(layer, nn.Module) else Calls(layer))
        with pytest.raises(UnsupportedOperationError, match=r"nonlinearities="):
            deeplift(model, inputs, 0, rule=rule)
        result, delta = deeplift(
            model,
            inputs,
            0,
            baselines=baselines,
            rule=rule,
            nonlinearities=known,
            return_convergence_delta=True,
        )
        assert delta.abs().max() < 1e-13
        changes[len(changes)] = result
    if rule == "rescale":
        assert not torch.allclose(changes[0], torch.zeros_like(changes[0]))
    with pytest.raises(TypeError, match="a torch function or a type of modules"):
        deeplift(model, inputs, 0, nonlinearities=[nn.ReLU()])


def test_a_registered_nonlinearity_is_known_everywhere(monkeypatch):
    registered = Nonlinearities()
    registered._names |= nonlinearities._REGISTERED._names
    monkeypatch.setattr(nonlinearities, "_REGISTERED", registered)
    assert register_nonlinearity(torch.special.i0e) is torch.special.i0e
    model = randomized(Calls(torch.special.i0e))
    _, delta = deeplift(model, randn(3, 1, 6, 6), 0, return_convergence_delta=True)
    assert delta.abs().max() < 1e-13


def test_a_function_that_the_user_makes_visible_is_a_nonlinearity():
    @torch.overrides.wrap_torch_function(lambda x: (x,))
    def gaussian(x):
        return torch.exp(-x.square())

    model = randomized(Calls(gaussian))
    inputs = randn(3, 1, 6, 6)
    seen = []

    def choose(name, module):
        seen.append(name)
        return "rescale"

    with pytest.raises(UnsupportedOperationError, match="gaussian"):
        deeplift(model, inputs, 0)
    _, delta = deeplift(
        model,
        inputs,
        0,
        rule=choose,
        nonlinearities=[gaussian],
        return_convergence_delta=True,
    )
    assert delta.abs().max() < 1e-13
    assert len(seen) == 1


def test_names_of_nonlinearities():
    model = chain(nn.ReLU(), nn.BatchNorm2d(2), nn.Sequential(nn.GELU()), nn.ReLU())
    model.append(nn.Hardtanh())
    seen = []

    def choose(name, module):
        seen.append((name, type(module).__name__))
        return "rescale"

    function = Calls(lambda x: torch.relu(x.relu().clamp(min=0.1)))
    deeplift(model.double(), randn(2, 1, 6, 6), 0, rule=choose)
    assert seen == [("1", "ReLU"), ("3.0", "GELU"), ("4", "ReLU"), ("7", "Hardtanh")]
    seen.clear()
    references = [torch.zeros(1, 1, 6, 6), torch.ones(1, 1, 6, 6)]
    deeplift(function.double(), randn(2, 1, 6, 6), 0, baselines=references, rule=choose)
    assert [name for name, _ in seen] == ["relu", "clamp", "relu_1"]


@pytest.mark.parametrize("rule", RULES)
def test_no_activation_outlives_its_use(rule):
    alive = []

    def count(module, args, output):
        with torch._C.DisableTorchFunction():
            size = output.untyped_storage().nbytes()
            storages = [
                each.untyped_storage() for each in gc.get_objects() if type(each) is torch.Tensor
            ]
            alive.append(len({each.data_ptr() for each in storages if each.nbytes() == size}))

    layers: list[nn.Module] = []
    for _ in range(12):
        layers += [nn.Conv2d(3, 3, 3, padding=1), nn.ReLU()]
    model = randomized(nn.Sequential(*layers, nn.Flatten(), nn.Linear(3 * 49, 2)))
    for layer in (layers[5], layers[23]):
        layer.register_forward_hook(count)
    inputs, baselines = randn(2, 3, 7, 7), randn(2, 3, 7, 7, seed=1)
    deeplift(model, inputs, 0, baselines=baselines, rule=rule)
    # Activations have the rows of the references, too; what is kept for the way back has not.
    assert alive[1] <= alive[0] <= 5
