"""Every form of inputs, targets and outputs that the methods take gives what a plain net gives."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from tests.oracles.helpers import close
from xgradient._explained import NonFiniteAttributionWarning
from xgradient.attribution import (
    InputOf,
    deconvolution,
    expected_gradients,
    guided_backprop,
    input_x_gradient,
    integrated_gradients,
    saliency,
    x_gradient,
)
from xgradient.homogeneous import NotHomogeneousError

METHODS = {
    "saliency": saliency,
    "input_x_gradient": input_x_gradient,
    "x_gradient": lambda *args, **more: x_gradient(*args, check=False, **more),
    "integrated_gradients": lambda *args, **more: integrated_gradients(*args, n_steps=3, **more),
    "guided_backprop": guided_backprop,
    "deconvolution": deconvolution,
    "expected_gradients": lambda model, inputs, *args, **more: expected_gradients(
        model,
        inputs,
        *args,
        baselines=tuple(x.flip(0) for x in inputs) if isinstance(inputs, tuple) else inputs.flip(0),
        generator=torch.Generator().manual_seed(2),
        **more,
    ),
}
every_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)

TARGET = [4, 0, 2]


class Plain(nn.Module):
    """A net with a bias, which every net below agrees with."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(6, 8)
        self.last = nn.Linear(8, 5)
        self.double()

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.first(x).relu())


@dataclass
class Answer:
    logits: Tensor
    other: int = 0


@pytest.fixture
def net() -> Plain:
    return Plain()


@pytest.fixture
def inputs() -> Tensor:
    return torch.randn(3, 6, dtype=torch.float64)


ONE_HOT = functional.one_hot(torch.tensor(TARGET), 5)


@every_method
@pytest.mark.parametrize(
    "target",
    [
        TARGET,
        tuple,
        np.array(TARGET),
        np.array(TARGET, dtype=np.uint8),
        [np.int64(4), 0, torch.tensor(2)],
        [(4,), (0,), (2,)],
        ONE_HOT,
        ONE_HOT.bool(),
        ONE_HOT.numpy().astype(np.float32),
    ],
)
def test_forms_of_a_target_per_row(method, net, inputs, target):
    target = [(k,) for k in TARGET] if target is tuple else target
    close(method(net, inputs, target), method(net, inputs, torch.tensor(TARGET)))


@every_method
@pytest.mark.parametrize(
    "target", [3, np.int32(3), torch.tensor(3), np.array(3), (3,), [3], lambda out: out[:, 3]]
)
def test_forms_of_one_target_for_all_rows(method, net, inputs, target):
    close(method(net, inputs, target), method(net, inputs, torch.tensor([3, 3, 3])))


@every_method
@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_a_net_with_one_output_needs_no_target(method, net, inputs, shape):
    def only(x: Tensor) -> Tensor:
        return net(x)[:, 1].view(len(x), *shape)

    close(method(only, inputs), method(net, inputs, 1))
    if not shape:
        with pytest.raises(ValueError, match="target must be None"):
            method(only, inputs, 0)


@every_method
def test_an_index_into_outputs_of_any_shape(method, net, inputs):
    def square(x: Tensor) -> Tensor:
        return torch.stack([net(x), 2 * net(x), net(x) + 1], 2)

    close(method(square, inputs, (3, 1)), 2 * method(net, inputs, 3))
    close(method(square, inputs, [(4, 0), (0, 2), (2, 0)]), method(net, inputs, TARGET))
    with pytest.raises(ValueError, match=r"\[0, 3\).*along axis 2, got target = \(4, 3\)"):
        method(square, inputs, (4, 3))


@every_method
def test_weights_of_the_outputs(method, net, inputs):
    if method in (guided_backprop, deconvolution):
        return  # not linear in the outputs
    weights = torch.randn(3, 5, dtype=torch.float64)
    parts = [weights[:, k, None] * method(net, inputs, k) for k in range(5)]
    close(method(net, inputs, weights), sum(parts))
    with pytest.raises(ValueError, match=r"shape \(3, 5\) of the outputs, got \(3, 4\)"):
        method(net, inputs, weights[:, :4])


@every_method
@pytest.mark.parametrize(
    ("wrap", "output"),
    [
        (lambda logits: (0, logits), 1),
        (lambda logits: [logits], 0),
        (lambda logits: {"logits": logits, "loss": 0}, "logits"),
        (Answer, "logits"),
        (lambda logits: {"inner": (logits,)}, lambda returned: returned["inner"][0]),
    ],
)
def test_outputs_within_something_else(method, net, inputs, wrap, output):
    result = method(lambda x: wrap(net(x)), inputs, TARGET, output=output)
    close(result, method(net, inputs, TARGET))
    with pytest.raises(TypeError, match=r"must return a Tensor, got .* say with output="):
        method(lambda x: wrap(net(x)), inputs, TARGET)


@pytest.mark.parametrize(
    ("wrap", "output", "message"),
    [
        (lambda logits: {"logits": logits}, "scores", r"keys \['logits'\]"),
        (Answer, "scores", "no attribute of the Answer"),
        (lambda logits: (logits,), 1, "not in the tuple"),
    ],
)
def test_an_output_that_is_not_there(net, inputs, wrap, output, message):
    with pytest.raises(ValueError, match=message):
        saliency(lambda x: wrap(net(x)), inputs, TARGET, output=output)


@every_method
def test_several_inputs(method, net, inputs):
    def two(x: Tensor, y: Tensor) -> Tensor:
        return net(torch.cat([x, y], 1))

    result = method(two, (inputs[:, :2], inputs[:, 2:]), TARGET)
    assert isinstance(result, tuple)
    close(torch.cat(result, 1), method(net, inputs, TARGET))
    (alone,) = method(net, (inputs,), TARGET)
    close(alone, method(net, inputs, TARGET))


@every_method
def test_an_input_that_the_net_does_not_use_gets_zero(method, net, inputs):
    used, unused = method(lambda x, y: net(x), (inputs, inputs), TARGET)
    close(used, method(net, inputs, TARGET))
    assert not unused.any()


@every_method
def test_further_arguments_go_with_their_rows(method, net, inputs):
    scale = torch.tensor([[1.0], [2.0], [4.0]], dtype=torch.float64)

    def scaled(x: Tensor, factor: Tensor, flag: bool) -> Tensor:
        assert flag
        return net(x) * factor

    result = method(scaled, inputs, TARGET, additional_forward_args=(scale, True))
    close(result, scale * method(net, inputs, TARGET))


@every_method
def test_inputs_without_features(method):
    x = torch.randn(4, dtype=torch.float64)
    gradients = (saliency, guided_backprop, deconvolution)
    expected = torch.full_like(x, 3.0) if method in gradients else 3 * x
    if method is METHODS["expected_gradients"]:
        drawn = torch.randint(4, (4,), generator=torch.Generator().manual_seed(2))
        expected = 3 * (x - x.flip(0)[drawn])
    close(method(lambda values: 3 * values, x), expected)


@pytest.mark.parametrize("start", [None, 0.5, "tensor"])
def test_baselines_of_several_inputs(net, inputs, start):
    def two(x: Tensor, y: Tensor) -> Tensor:
        return net(torch.cat([x, y], 1))

    both = {None: (None, 0.0), 0.5: (0.5, 0.5), "tensor": (inputs[1:2, :2], inputs[0, 2:])}[start]
    joined = torch.cat(
        [
            torch.zeros(1, n, dtype=torch.float64) + (0.0 if b is None else b)
            for b, n in zip(both, (2, 4), strict=True)
        ],
        1,
    )
    pair = (inputs[:, :2], inputs[:, 2:])
    result, delta = integrated_gradients(
        two, pair, TARGET, baselines=both, return_convergence_delta=True, internal_batch_size=2
    )
    whole, whole_delta = integrated_gradients(
        net, inputs, TARGET, baselines=joined, return_convergence_delta=True
    )
    close(torch.cat(result, 1), whole)
    close(delta, whole_delta)
    with pytest.raises(ValueError, match="one for each of 2 inputs, got 3"):
        integrated_gradients(two, pair, TARGET, baselines=(0, 0, 0))


@every_method
@pytest.mark.parametrize("layer", ["first", "module"])
def test_values_of_a_layer(method, net, inputs, layer):
    layer = net.first if layer == "module" else layer
    result = method(net, inputs, TARGET, layer=layer)

    def behind(values: Tensor) -> Tensor:
        return net.last(values.relu())

    values = net.first(inputs).detach()
    if method is METHODS["integrated_gradients"]:
        zero = net.first(torch.zeros_like(inputs)).detach()
        close(result, method(behind, values, TARGET, baselines=zero))
    elif method is METHODS["expected_gradients"]:
        flipped = expected_gradients(
            behind,
            values,
            TARGET,
            baselines=values.flip(0),
            generator=torch.Generator().manual_seed(2),
        )
        close(result, flipped)
    else:
        close(result, method(behind, values, TARGET))
    assert not net.first._forward_hooks


@every_method
@pytest.mark.parametrize("layer", ["2", "module"])
def test_values_that_a_layer_is_given(method, net, inputs, layer):
    chain = nn.Sequential(net.first, nn.ReLU(), net.last)
    given = InputOf(net.last if layer == "module" else layer)
    close(method(chain, inputs, TARGET, layer=given), method(chain, inputs, TARGET, layer=chain[1]))
    assert not net.last._forward_pre_hooks


def test_several_values_that_a_layer_is_given(net, inputs):
    class Added(nn.Module):
        def forward(self, x: Tensor, y: Tensor) -> Tensor:
            return 2 * x + y

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = net
            self.added = Added()

        def forward(self, x: Tensor) -> Tensor:
            return self.net(self.added(x.sin(), x.cos()))

    result = saliency(Net(), inputs, TARGET, layer=InputOf("added"))
    expected = saliency(net, 2 * inputs.sin() + inputs.cos(), TARGET)
    close(torch.stack(result), torch.stack([2 * expected, expected]))
    with pytest.raises(ValueError, match="layer must be given floating-point values"):
        words = nn.Sequential(nn.Embedding(9, 6), nn.Flatten())
        saliency(words, torch.tensor([[1], [2]]), 0, layer=InputOf("0"))


def test_words_are_explained_by_their_embeddings():
    class Text(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words = nn.Embedding(20, 6)
            self.net = nn.Sequential(nn.ReLU(), nn.Linear(6, 5, bias=False))

        def forward(self, numbers: Tensor) -> Tensor:
            return self.net(self.words(numbers).mean(1))

    net = Text().double()
    numbers = torch.randint(20, (3, 7))
    result, delta = integrated_gradients(
        net, numbers, TARGET, layer="words", return_convergence_delta=True, n_steps=200
    )
    assert result.shape == (3, 7, 6)
    change = net(numbers) - net(torch.zeros_like(numbers))
    close(result.flatten(1).sum(1) - delta, change[torch.arange(3), TARGET].detach())
    closed = x_gradient(net, numbers, TARGET, layer="words")
    close(closed.flatten(1).sum(1), net(numbers)[torch.arange(3), TARGET].detach())
    with pytest.raises(TypeError, match="floating-point"):
        saliency(net, numbers, TARGET)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("middle", r"'first', 'last'.*got 'middle'"),
        (nn.ReLU(), "a module of the net"),
    ],
)
def test_a_layer_that_is_not_there(net, inputs, layer, message):
    with pytest.raises(ValueError, match=message):
        saliency(net, inputs, TARGET, layer=layer)


def test_a_layer_is_called_once():
    twice = nn.Linear(6, 6).double()
    net = nn.Sequential(twice, nn.ReLU(), twice)
    with pytest.raises(ValueError, match="this Linear is called 2 times"):
        saliency(net, torch.randn(3, 6, dtype=torch.float64), 0, layer=twice)


class Holder:
    """Some object with a net."""

    def __init__(self, net: nn.Module) -> None:
        self.net = net

    def __call__(self, x: Tensor) -> Tensor:
        return self.net(x)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda net: net.forward,
        lambda net: lambda x: net(x),
        lambda net: lambda x: nn.Sequential(*list(net)[:1])(x) @ net[2].weight.T + net[2].bias,
        lambda net: partial(functional_call, net, dict(net.named_parameters())),
        lambda net: partial(net, other=0),
        Holder,
    ],
)
def test_a_function_of_a_net_is_evaluated_as_its_net(wrap, inputs):
    class Net(nn.Sequential):
        def forward(self, x: Tensor, other: int = 0) -> Tensor:
            return super().forward(x)

    net = Net(nn.Linear(6, 50), nn.Dropout(), nn.Linear(50, 5)).double()
    close(saliency(wrap(net), inputs, 0), saliency(net, inputs, 0))
    assert net.training
    assert net[1].training


@pytest.mark.parametrize("form", ["layer", "tuple", "arguments", "function"])
def test_the_check_of_x_gradient_holds_for_every_form(net, inputs, form):
    forms = {
        "layer": lambda net: x_gradient(net, inputs, TARGET, layer="first"),
        "tuple": lambda net: x_gradient(net, (inputs,), TARGET),
        "arguments": lambda net: x_gradient(
            lambda x, y: net(x), inputs, TARGET, additional_forward_args=0
        ),
        "function": lambda net: x_gradient(lambda x: net(x), inputs, TARGET),
    }
    with pytest.raises(NotHomogeneousError):
        forms[form](net)
    nn.init.zeros_(net.last.bias)
    nn.init.zeros_(net.first.bias)
    forms[form](net)


@every_method
def test_an_attribution_that_is_not_finite_is_warned_about(method, net, inputs):
    inputs[1] = 0

    def root(x: Tensor) -> Tensor:
        return net(x) + (x * 0).norm(dim=1, keepdim=True) ** 0.5

    with pytest.warns(NonFiniteAttributionWarning, match="NaN or infinity in row"):
        method(root, inputs, TARGET)
