"""Biases under other names or none are refused by name, and multipliers are kept."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations, parametrize, prune

from tests.oracles.helpers import refused
from tests.oracles.nets import Function, Residual, linear
from xgradient.homogeneous import NotHomogeneousError, check_homogeneous, remove_biases


class Net(nn.Module):
    """A net with tensors of all sorts, whose function says what it does with them."""

    def __init__(self, function) -> None:
        super().__init__()
        self.function = function
        self.layer = nn.Linear(4, 4)
        self.offset = nn.Parameter(torch.ones(4))
        self.bias = nn.Parameter(torch.ones(4))
        self.register_buffer("mean", torch.ones(4))
        self.register_buffer("nothing", torch.zeros(4))
        self.constant = torch.ones(4)

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self, x)


class OwnLinear(nn.Linear):
    """A linear layer that calls its bias otherwise."""

    def __init__(self) -> None:
        super().__init__(4, 4, bias=False)
        self.b = nn.Parameter(torch.zeros(4))

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.weight, self.b)


class Scaled(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return 3 * x


def strip(net: nn.Module, *arguments: Tensor) -> nn.Module:
    """Remove biases from a net whose code can be read."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return remove_biases(net, *arguments)


def fails(net: nn.Module, *arguments: Tensor) -> NotHomogeneousError:
    with pytest.raises(NotHomogeneousError) as caught:
        strip(net, *arguments)
    return caught.value


ADDED = {
    "the parameter 'offset'": [
        lambda net, x: net.layer(x) + net.offset,
        lambda net, x: net.offset + net.layer(x),
        lambda net, x: net.layer(x).add_(net.offset),
        lambda net, x: torch.sub(net.layer(x), other=net.offset),
        lambda net, x: x + 2 * net.offset[None].expand(2, 4),
        lambda net, x: functional.linear(x, net.layer.weight, net.offset),
        lambda net, x: functional.linear(x, weight=net.layer.weight, bias=net.offset),
        lambda net, x: torch.addmm(net.offset, x, net.layer.weight),
        lambda net, x: torch.addcmul(x, net.offset, net.mean),
        lambda net, x: functional.conv1d(x[:, None], net.layer.weight[:, None], net.offset),
        lambda net, x: torch.ops.aten.add.Tensor(x, net.offset),
        lambda net, x: torch.cat([x, net.offset.expand(x.shape[0], 4)], 1),
        lambda net, x: torch.stack([net.offset.expand(x.shape), x]),
    ],
    "the tensor 'mean'": [lambda net, x: net.layer((x - net.mean) / net.mean)],
    "the tensor 'constant'": [lambda net, x: x + net.constant],
    "the number 0.5": [
        lambda net, x: net.layer(x + 0.5),
        lambda net, x: 0.5 - net.layer(x).relu(),
        lambda net, x: functional.pad(x, (1, 1), value=0.5),
        lambda net, x: functional.pad(x, (1, 1), "constant", 0.5),
    ],
    "the number -0.5": [lambda net, x: x.add(-0.5)],
    "the number 1e-06": [lambda net, x: x / (x.norm() + 1e-6)],
    "a constant tensor": [lambda net, x: x + torch.ones(4)],
    "the constant that ones_like() returns": [lambda net, x: x + torch.ones_like(x)],
}
CASES = [(what, function) for what, functions in ADDED.items() for function in functions]


@pytest.mark.parametrize(("what", "function"), CASES)
def test_what_the_code_adds_is_named(what, function):
    net = nn.Sequential(nn.Linear(4, 4), Residual(Net(function)))
    error = fails(net)
    assert error.module_name == "1.body"
    assert f"module '1.body' (Net) adds {what} in" in str(error).replace(
        "joins its values with", "adds"
    )
    assert "name it 'bias'" in str(error)


@pytest.mark.parametrize(
    "function",
    [
        lambda net, x: net.layer(x) * net.offset / net.mean,
        lambda net, x: functional.linear(x, net.layer.weight, net.layer.bias),
        lambda net, x: net.layer(x) if net.bias is None else net.layer(x) + net.bias,
        lambda net, x: sum([x, net.layer(x)]),
        lambda net, x: x + net.nothing,
        lambda net, x: torch.cat([x, torch.zeros_like(x)], 1),
        lambda net, x: torch.cat([x, x.new_zeros(4).expand(x.shape)], 1),
        lambda net, x: functional.pad(x, (1, 1)),
        lambda net, x: functional.pad(x, (1, 1), "constant", 0),
        lambda net, x: x * (1 - (x > 0).float()),
        lambda net, x: x.reshape(x.shape[0], x.size(1) // 2 + 2),
        lambda net, x: x + net.offset if net.training else x,
        lambda net, x: torch.addcmul(x, x, net.offset),
        lambda net, x: x @ (net.layer.weight + net.offset),
    ],
)
def test_what_multiplies_or_is_zero_is_kept(function, inputs):
    net = nn.Sequential(nn.Linear(4, 4), Net(function)).double()
    stripped = strip(net)
    check_homogeneous(stripped, inputs)
    assert {"1.offset", "1.mean", "1.layer.weight"} <= set(stripped.state_dict())
    assert "1.bias" not in stripped.state_dict()


def test_a_layer_that_calls_its_bias_otherwise(inputs):
    error = fails(nn.Sequential(OwnLinear(), nn.ReLU()))
    assert error.module_name == "0" and "'0' (OwnLinear) adds the parameter 'b'" in str(error)
    # Zero now, and trained: the numbers do not clear it.
    net = nn.Sequential(OwnLinear(), nn.ReLU()).double()
    assert "the parameter 'b'" in str(fails(net, inputs))


@pytest.mark.parametrize("compute", ["prune", "parametrize"])
def test_an_offset_that_is_computed(compute, inputs):
    net = Net(lambda net, x: x + net.offset)
    if compute == "prune":
        prune.random_unstructured(net, "offset", 0.5)
        assert "'offset'" in str(fails(net))
    else:
        # Its class is then one of PyTorch, which the graph does not look into.
        parametrize.register_parametrization(net, "offset", Scaled())
        with pytest.warns(UserWarning, match=r"the model itself \(ParametrizedNet\): its param"):
            remove_biases(net)
        assert fails(net.double(), inputs).module_name == ""


@pytest.mark.parametrize(
    ("wrap", "name"),
    [
        (nn.DataParallel, "module.1"),
        (torch.compile, "_orig_mod.1"),
        (lambda net: nn.Sequential(net[0], torch.compile(net[1])), "1._orig_mod"),
        (lambda net: Function(lambda x, parts: parts[1](x), parts=nn.ModuleList(net)), "parts.1"),
    ],
    ids=["DataParallel", "compile", "compiled part", "list"],
)
def test_wrappers_and_containers_hide_nothing(wrap, name):
    def build(function) -> nn.Module:
        return wrap(nn.Sequential(nn.Linear(4, 4), Net(function)))

    assert fails(build(lambda net, x: x + net.offset)).module_name == name
    strip(build(lambda net, x: x * net.offset))


NORMALISING = {
    "layer_norm": lambda net, x: functional.layer_norm(x, (4,)),
    "batch_norm": lambda net, x: functional.batch_norm(x, net.mean, net.mean),
    "group_norm": lambda net, x: functional.group_norm(x, 2, net.offset, net.bias),
    "instance_norm": lambda net, x: functional.instance_norm(x[None]),
    "rms_norm": lambda net, x: functional.rms_norm(x, (4,)),
}


@pytest.mark.parametrize("name", NORMALISING)
def test_functions_that_normalise_are_refused_as_their_modules_are(name, inputs):
    net = nn.Sequential(nn.Linear(4, 4), Net(NORMALISING[name])).double()
    for arguments in ((), (inputs,)):
        error = fails(net, *arguments)
        assert error.module_name == "1"
        assert f"calls {name}()" in str(error) and "Fixup" in str(error)


@pytest.mark.parametrize(
    "function",
    [
        lambda net, x: x + net.bias,
        lambda net, x: x * net.bias,
        lambda net, x: torch.sub(x, net.layer.bias),
        lambda net, x: x + net.bias.view(1, -1),
        lambda net, x: x - 2 * net.bias,
    ],
)
def test_code_that_cannot_do_without_its_bias_is_refused(function, inputs):
    net = nn.Sequential(nn.Linear(4, 4), Net(function)).double()
    net(inputs)
    for arguments in ((), (inputs,)):
        error = fails(net, *arguments)
        assert error.module_name == "1"
        assert "skip it" in str(error) and "None" in str(error)


# ---- code that cannot be read -------------------------------------------------------------------


def branching(then):
    """Code that no graph shows, since it looks at its input."""
    return lambda net, x: then(net, x) if x.sum() < 1e9 else x


def replaced(net: nn.Module) -> nn.Module:
    net.forward = lambda x: x + 1
    return net


def hooked(net: nn.Module) -> nn.Module:
    net.register_forward_hook(lambda module, args, output: output + 1)
    return net


UNSEEN = {
    "branching": lambda: Net(branching(lambda net, x: x + net.offset)),
    "hook": lambda: hooked(linear(4, 4)),
    "replaced": lambda: replaced(linear(4, 4)),
    "compiled function": lambda: Net(torch.compile(lambda net, x: x + 1, backend="eager")),
}


@pytest.mark.parametrize("build", UNSEEN.values(), ids=UNSEEN)
def test_code_that_cannot_be_read_is_named_and_example_inputs_judge_it(build, inputs):
    net = nn.Sequential(nn.Linear(4, 4), build(), nn.ReLU()).double()
    with pytest.warns(UserWarning, match=r"module '1' \(\w+\): .* Pass example_inputs") as seen:
        remove_biases(net)
    assert len(seen) == 1 and seen[0].filename == __file__
    # A hook runs outside of the forward of its module, in that of the module around it.
    assert fails(net, inputs).module_name == ("" if net[1]._forward_hooks else "1")


def test_harmless_code_that_cannot_be_read_passes_with_example_inputs(inputs):
    net = nn.Sequential(nn.Linear(4, 4), Net(branching(lambda net, x: x * net.offset))).double()
    check_homogeneous(strip(net, inputs), inputs)
    # What comes around it is read all the same.
    outer = nn.Sequential(net, Net(lambda net, x: x + net.offset))
    assert fails(outer).module_name == "1"
    inner = nn.Sequential(Function(branching(lambda x, net: net(x)), net=outer))
    inner[0].function = lambda x, net: net(x) if x.sum() < 1e9 else x
    assert fails(inner).module_name == "0.net.1"


def test_example_inputs_judge_constants_that_are_no_parameters(inputs):
    """1 - x / sum(x) adds a number, and is of degree 0: its product with x is of degree 1."""
    net = Net(lambda net, x: x * (1 - x / x.abs().sum(1, keepdim=True))).double()
    assert "the number 1" in str(fails(net))
    check_homogeneous(strip(net, inputs), inputs)
    squared = nn.Sequential(nn.Linear(4, 4), Function(torch.square)).double()
    check_homogeneous(strip(squared, inputs), inputs, degree=2)


def test_example_inputs_refuse_what_is_not_homogeneous(inputs):
    net = nn.Sequential(nn.Linear(4, 4), nn.Sigmoid()).double()
    strip(net)
    assert fails(net, inputs).module_name == "1"
    with pytest.raises(ValueError, match="example_inputs must not be all zero"):
        remove_biases(net, torch.zeros(2, 4, dtype=torch.float64))
    with pytest.raises(TypeError, match=r"model must be an nn\.Module"):
        remove_biases(torch.relu)


def test_numbers_that_disagree_are_explained_by_what_the_code_adds(inputs):
    net = nn.Sequential(linear(4, 4), Net(lambda net, x: x + net.offset))
    net[1].bias = None
    error = refused(net, inputs)
    assert error.module_name == "1" and "adds the parameter 'offset'" in str(error)


@pytest.mark.parametrize("weight_norm", [False, True])
def test_a_net_is_left_as_it_is(weight_norm):
    """Also what it keeps of a forward pass, where the graph has no tensors."""

    def function(net: Net, x: Tensor) -> Tensor:
        net.kept = net.layer(x)
        return net.kept

    net = nn.Sequential(Net(function))
    if weight_norm:
        parametrizations.weight_norm(net[0].layer)
    before = {name: set(vars(module)) for name, module in net.named_modules()}
    stripped = strip(net)
    assert {name: set(vars(module)) for name, module in net.named_modules()} == before
    assert "kept" not in vars(stripped[0])
    stripped(torch.ones(2, 4))
    strip(stripped)
