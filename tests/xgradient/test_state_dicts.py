"""Weights saved from wrapped nets load into the nets themselves."""

from __future__ import annotations

import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper

from xgradient.models import AlexNet, unwrapped_state_dict


def small_alexnet() -> nn.Module:
    return AlexNet(num_classes=3, in_channels=1, geometry="small")


def same(state: dict, expected: dict) -> None:
    assert state.keys() == expected.keys()
    assert all(torch.equal(state[name], value) for name, value in expected.items())


def wrapped_part(net: nn.Module, name: str, wrap) -> nn.Module:
    net.set_submodule(name, wrap(net.get_submodule(name)))
    return net


WRAPPINGS = {
    "nothing": lambda net: net,
    "DataParallel": nn.DataParallel,
    "compile": torch.compile,
    "both": lambda net: torch.compile(nn.DataParallel(net)),
    "both, otherwise": lambda net: nn.DataParallel(torch.compile(net)),
    "twice": lambda net: nn.DataParallel(nn.DataParallel(net)),
    "features": lambda net: wrapped_part(net, "features", nn.DataParallel),
    "one compiled layer": lambda net: wrapped_part(net, "classifier.1", torch.compile),
    "a part and the whole": lambda net: nn.DataParallel(
        wrapped_part(net, "features", torch.compile)
    ),
    "checkpointed layer": lambda net: wrapped_part(net, "features.0", checkpoint_wrapper),
}


@pytest.mark.parametrize("wrap", WRAPPINGS.values(), ids=WRAPPINGS)
def test_a_saved_wrapped_net_loads_into_a_bare_one_and_back(wrap):
    bare = small_alexnet()
    expected = {name: value.clone() for name, value in bare.state_dict().items()}
    wrapped = wrap(bare)
    net = small_alexnet()
    net.load_state_dict(unwrapped_state_dict(wrapped.state_dict(), net))
    same(net.state_dict(), expected)
    other = wrap(small_alexnet())
    other.load_state_dict(unwrapped_state_dict(net.state_dict(), other))
    same(other.state_dict(), wrapped.state_dict())


class WithChild(nn.Module):
    """A net that itself has a part called as wrappers call it, and weights beside it."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.add_module(name, nn.Linear(2, 3))
        self.weight = nn.Parameter(torch.randn(3, 2))
        self.bias = nn.Parameter(torch.randn(3))


@pytest.mark.parametrize("name", ["module", "_orig_mod"])
@pytest.mark.parametrize("wrap", ["nothing", "DataParallel", "compile", "both", "twice"])
@pytest.mark.parametrize("depth", [0, 1])
def test_a_child_of_that_name_is_kept(name, wrap, depth):
    def build() -> nn.Module:
        return nn.Sequential(WithChild(name)) if depth else WithChild(name)

    original, net = build(), build()
    net.load_state_dict(unwrapped_state_dict(WRAPPINGS[wrap](original).state_dict(), net))
    same(net.state_dict(), original.state_dict())


@given(st.lists(st.sampled_from(["module", "_orig_mod", "a", "b"]), min_size=1, max_size=4))
def test_any_nesting(parts):
    """Wrappers anywhere in the name are no part of it for a net without them."""
    net = nn.ModuleDict({"net": nn.Linear(2, 2)})
    inner = nn.ParameterDict({"w": nn.Parameter(torch.ones(1))})
    nested: nn.Module = inner
    for part in reversed([part for part in parts if part in "ab"]):
        nested = nn.ModuleDict({part: nested})
    net["net"] = nested
    (own,) = net.state_dict()
    saved = {".".join(["net", *parts, "w"]): torch.zeros(1)}
    assert list(unwrapped_state_dict(saved, net)) == [own]


def test_values_and_their_order_are_kept():
    state = {f"module.{name}": value for name, value in small_alexnet().state_dict().items()}
    found = unwrapped_state_dict(state, small_alexnet())
    assert all(a is b for a, b in zip(found.values(), state.values(), strict=True))


def test_what_the_net_lacks_is_reported_by_its_own_name():
    net = nn.Linear(2, 2)
    saved = {"module.weight": torch.zeros(2, 2), "module.head.weight": torch.zeros(1)}
    found = unwrapped_state_dict(saved, net)
    assert set(found) == {"weight", "head.weight"}
    with pytest.raises(RuntimeError, match=r'(?s)Missing.*"bias".*Unexpected.*"head.weight"'):
        net.load_state_dict(found)


@pytest.mark.parametrize(
    ("names", "twice"),
    [
        (["weight", "module.weight"], ["weight", "module.weight"]),
        (["module.weight", "_orig_mod.weight"], ["_orig_mod.weight", "module.weight"]),
        (["head.a", "head.module.a"], ["head.a", "head.module.a"]),
    ],
)
def test_two_tensors_of_one_name_are_refused(names, twice):
    first, second = (re.escape(repr(name)) for name in twice)
    with pytest.raises(ValueError, match=f"two tensors .* saved as {first} and {second}: keep"):
        unwrapped_state_dict(dict.fromkeys(names, torch.ones(1)), nn.Linear(2, 2, bias=False))


def test_other_things_are_refused():
    with pytest.raises(TypeError, match="keys, got 3"):
        unwrapped_state_dict({3: torch.ones(1)}, nn.Linear(2, 2))
    with pytest.raises(TypeError, match=r"model must be an nn\.Module, got OrderedDict"):
        unwrapped_state_dict({}, nn.Linear(2, 2).state_dict())
