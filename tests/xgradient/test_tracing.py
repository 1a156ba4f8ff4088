"""Graphs of the calls of a net."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.oracles.nets import Function, Residual
from xgradient.models import MaxPool2d
from xgradient.tracing import UntraceableError, trace


def modules(net, **options):
    graph, root = trace(net.eval(), **options)
    return [root.get_submodule(node.target) for node in graph.nodes if node.op == "call_module"]


def test_a_module_of_torch_is_one_call_and_a_composite_is_its_calls():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), Residual(nn.ReLU()), MaxPool2d(2))
    assert modules(net) == [net[0], net[1].body, net[2]]
    assert modules(net[0]) == [net[0]]


def test_other_modules_can_be_one_call():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), Residual(nn.ReLU()))
    assert modules(net, is_leaf=lambda module: module is net[1]) == [net[0], net[1]]


def test_constants_of_the_code_do_not_become_attributes():
    net = Function(lambda x: x + torch.ones(2))
    before = set(vars(net))
    trace(net)
    assert set(vars(net)) == before


def test_what_cannot_be_traced_is_named():
    net = nn.Sequential(Residual(Function(lambda x: x if x.sum() > 0 else -x)), nn.ReLU())
    with pytest.raises(UntraceableError, match=r"in module '0\.body' of Sequential") as caught:
        trace(net)
    assert caught.value.module_name == "0.body"
    with pytest.raises(UntraceableError, match="operations of Function") as caught:
        trace(net[0].body)
    assert caught.value.module_name == ""


def test_what_a_net_keeps_of_its_calls_is_not_kept_of_the_trace():
    def keep(x, layer):
        layer.kept = layer(x)
        return layer.kept

    net = nn.Sequential(Function(keep, layer=nn.Linear(2, 2)))
    trace(net)
    assert not hasattr(net[0].layer, "kept")
    tensor = net(torch.ones(1, 2))
    trace(net)
    assert net[0].layer.kept is tensor
