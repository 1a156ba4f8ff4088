"""Sharing the first layer between path points changes nothing."""

from __future__ import annotations

import warnings

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from tests.oracles.attribution import literal_integrated_gradients
from tests.oracles.helpers import close, slowly, without_sharing
from tests.oracles.nets import Function, conv, nets
from xgradient.attribution import (
    QUADRATURE_METHODS,
    integrated_gradients,
)
from xgradient.attribution._first_layer import only_reader
from xgradient.homogeneous import evaluation_mode

methods = st.sampled_from(QUADRATURE_METHODS)


@given(nets(bias=True), methods, st.integers(2, 9), st.sampled_from([1, 2, 5, None]), st.booleans())
@slowly
def test_sharing_the_first_layer_changes_nothing(case, method, n_steps, rows, with_baseline):
    net, inputs, target = case
    options = {
        "baselines": torch.randn_like(inputs) if with_baseline else None,
        "n_steps": n_steps,
        "method": method,
        "internal_batch_size": rows,
    }
    with evaluation_mode(net):
        assert only_reader(net, inputs[:1]) is net[0]
    shared = integrated_gradients(net, inputs, target, **options)
    assert "forward" not in vars(net[0])
    with pytest.MonkeyPatch.context() as monkeypatch:
        without_sharing(monkeypatch)
        close(shared, integrated_gradients(net, inputs, target, **options))


class DoublingFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return 2 * x

    @staticmethod
    def backward(ctx, gradient):
        return 2 * gradient


class Biased(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).relu()


def hooked(kind: str, hook) -> nn.Module:
    layer = conv()
    getattr(layer, f"register_{kind}_hook")(hook)
    return layer


def patched() -> nn.Module:
    layer = conv()
    layer.forward = lambda x: functional.conv2d(x, layer.weight, padding=1).relu()
    return layer


READ_TWICE = {
    "skip connection": Function(lambda x, c: x + c(x), c=conv()),
    "in place skip connection": Function(lambda x, c: c(x).add_(x), c=conv()),
    "skip of a view": Function(lambda x, c: c(x) + x.view(x.shape), c=conv()),
    "skip of a list": Function(lambda x, c: torch.cat([c(x), x], 1), c=conv()),
    "keyword": Function(lambda x, c: torch.add(c(x), other=x), c=conv()),
    "custom function": Function(lambda x, c: c(x) + DoublingFunction.apply(x), c=conv()),
    "mask": Function(lambda x, c: c(x) * (x > 0), c=conv()),
    "mask of the data": Function(lambda x, c: c(x) * (x.data > 0), c=conv()),
    "decision": Function(lambda x, c: c(x) if x.sum() > 0 else 2 * c(x), c=conv()),
    "norm": Function(lambda x, c: c(x) * x.detach().norm(), c=conv()),
    "two layers": Function(lambda x, a, b: a(x) + b(x), a=conv(), b=conv()),
    "layer used again": Function(lambda x, c: c(c(x).relu()), c=conv()),
    "layer used twice on the input": Function(lambda x, c: c(x) + c(x).relu(), c=conv()),
    "scaled before": Function(lambda x, c: c(2 * x), c=conv()),
    "not a layer": Function(lambda x, c: c(x.relu()), c=conv()),
    "functional": Function(lambda x, c: functional.conv2d(x, c.weight, padding=1), c=conv()),
    "subclass": Function(lambda x, c: c(x), c=Biased(2, 2, 3, padding=1).double()),
    "hook": Function(lambda x, c: c(x), c=hooked("forward", lambda m, args, h: h.relu())),
    "pre-hook": Function(
        lambda x, c: c(x), c=hooked("forward_pre", lambda m, args: (args[0].relu(),))
    ),
    "backward hook": Function(
        lambda x, c: c(x), c=hooked("full_backward", lambda m, into, out: (into[0].relu(),))
    ),
    "backward pre-hook": Function(
        lambda x, c: c(x), c=hooked("full_backward_pre", lambda m, out: (out[0].relu(),))
    ),
    "patched forward": Function(lambda x, c: c(x), c=patched()),
    "parametrised": Function(
        lambda x, c: c(x), c=nn.utils.parametrizations.weight_norm(conv(), dim=0)
    ),
    "input twice": Function(lambda x, c: c(input=x), c=conv()),
}


@pytest.mark.parametrize("body", READ_TWICE.values(), ids=READ_TWICE)
@pytest.mark.parametrize("sign", [1, -1])
def test_other_readers_of_the_input_are_seen(body, sign):
    net = nn.Sequential(body, nn.ReLU(), nn.Flatten())
    inputs = torch.randn(2, 2, 5, 5, dtype=torch.float64)
    inputs = sign * inputs * inputs.flatten(1).sum(1).sign().view(2, 1, 1, 1)
    target = torch.tensor([3, 30])
    baselines = torch.randn_like(inputs)
    # One row per pass, since some of these nets look at all of their batch.
    ours = integrated_gradients(
        net, inputs, target, baselines=baselines, n_steps=4, internal_batch_size=1
    )
    literal = literal_integrated_gradients(net, inputs, target, baselines, "gausslegendre", 4)
    close(ours, literal)
    with evaluation_mode(net):
        assert only_reader(net, inputs[:1]) is None


def test_a_layer_used_again_where_the_first_image_does_not_show_it():
    def forward(x: Tensor, c: nn.Module) -> Tensor:
        hidden = c(x)
        return hidden + functional.relu(c(hidden) - 99)

    net = nn.Sequential(Function(forward, c=conv()), nn.Flatten())
    inputs = torch.randn(2, 2, 5, 5, dtype=torch.float64)
    inputs[1] *= 1000
    target, baselines = torch.tensor([30, 30]), torch.zeros_like(inputs)
    literal = literal_integrated_gradients(net, inputs, target, baselines, "gausslegendre", 4)
    close(integrated_gradients(net, inputs, target, n_steps=4), literal)


def test_a_reader_that_torch_functions_do_not_show():
    def extension(x: Tensor) -> Tensor:
        with torch._C.DisableTorchFunction():
            return x * x

    net = nn.Sequential(Function(lambda x, c: c(x) + extension(x), c=conv()), nn.Flatten())
    inputs = torch.randn(2, 2, 5, 5, dtype=torch.float64)
    target, baselines = torch.tensor([3, 30]), torch.zeros_like(inputs)
    literal = literal_integrated_gradients(net, inputs, target, baselines, "gausslegendre", 4)
    close(integrated_gradients(net, inputs, target, n_steps=4), literal)


def test_the_shape_of_the_input_may_be_read_anywhere():
    first = conv()
    net = Function(
        lambda x, c: c(x).relu().view(x.size(0), x.shape[1] * 25, *x.shape[4:]).to(x.device),
        c=first,
    )
    inputs, target = torch.randn(2, 2, 5, 5, dtype=torch.float64), torch.tensor([3, 30])
    with evaluation_mode(net):
        assert only_reader(net, inputs[:1]) is first
    baselines = torch.zeros_like(inputs)
    literal = literal_integrated_gradients(net, inputs, target, baselines, "riemann_middle", 4)
    ours = integrated_gradients(net, inputs, target, n_steps=4, method="riemann_middle")
    close(ours, literal)


def test_a_compiled_module_is_run_in_full(case):
    net, inputs, target = case
    net = net.eval()
    expected = integrated_gradients(net, inputs, target, n_steps=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(net, inputs)
    assert only_reader(traced, inputs[:1]) is None
    close(integrated_gradients(traced, inputs, target, n_steps=3), expected)
