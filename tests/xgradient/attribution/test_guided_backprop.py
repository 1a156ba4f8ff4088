"""Guided backpropagation and deconvolution against Captum and by hand."""

from __future__ import annotations

import contextvars
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from captum.attr import Deconvolution, GuidedBackprop
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from tests.oracles.helpers import close, slowly
from tests.oracles.nets import Function, Residual
from xgradient.attribution import deconvolution, guided_backprop, saliency


def captum_guided(
    net: nn.Module, inputs: Tensor, target: Tensor, kind: type = GuidedBackprop
) -> Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return kind(net).attribute(inputs.clone(), target).detach()


def guided_net(in_place: bool = False) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(2, 4, 3),
        nn.ReLU(in_place),
        nn.MaxPool2d(2),
        Residual(nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(in_place))),
        nn.LeakyReLU(),
        nn.Flatten(),
        nn.Linear(36, 7),
        nn.ReLU(in_place),
        nn.Linear(7, 5),
    ).double()


@given(st.integers(0, 2**31))
@slowly
def test_guided_backprop_of_captum(seed):
    torch.manual_seed(seed)
    net, in_place = guided_net(), guided_net(in_place=True)
    in_place.load_state_dict(net.state_dict())
    inputs, target = torch.randn(3, 2, 8, 8, dtype=torch.float64), torch.randint(5, (3,))
    expected = captum_guided(net, inputs, target)
    close(guided_backprop(net, inputs, target), expected)
    close(guided_backprop(in_place, inputs, target), expected)
    expected = captum_guided(net, inputs, target, Deconvolution)
    close(deconvolution(net, inputs, target), expected)
    close(deconvolution(in_place, inputs, target), expected)


@pytest.mark.parametrize(
    "relu",
    [
        functional.relu,
        lambda h: functional.relu(h, True),
        lambda h: functional.relu(input=h, inplace=True),
        torch.relu,
        lambda h: torch.relu(input=h),
        lambda h: torch.relu_(h),
        functional.relu_,
        Tensor.relu,
        lambda h: h.relu(),
        lambda h: h.relu_(),
    ],
)
def test_guided_backprop_of_functional_relus(relu, case):
    _, inputs, target = case
    first, last = nn.Linear(128, 9).double(), nn.Linear(9, 5).double()
    modules = nn.Sequential(nn.Flatten(), first, nn.ReLU(), last)
    net = Function(lambda x, a, b: b(relu(a(x.flatten(1)))), a=first, b=last)
    close(guided_backprop(net, inputs, target), captum_guided(modules, inputs, target))
    expected = captum_guided(modules, inputs, target, Deconvolution)
    close(deconvolution(net, inputs, target), expected)


def test_captum_sees_no_functional_relus(case):
    """The reason for our own: when this fails, Captum's can be used."""
    _, inputs, target = case
    first, last = nn.Linear(128, 9).double(), nn.Linear(9, 5).double()
    net = Function(lambda x, a, b: b(functional.relu(a(x.flatten(1)))), a=first, b=last)
    for kind, method in ((GuidedBackprop, guided_backprop), (Deconvolution, deconvolution)):
        close(captum_guided(net, inputs, target, kind), saliency(net, inputs, target))
        assert not torch.allclose(method(net, inputs, target), saliency(net, inputs, target))


def test_guided_backprop_keeps_what_in_place_means(case):
    _, inputs, target = case

    def forward(x: Tensor, a: nn.Module, b: nn.Module) -> Tensor:
        hidden = a(x.flatten(1))
        hidden.relu_()  # the result is not looked at
        return b(hidden)

    first, last = nn.Linear(128, 9).double(), nn.Linear(9, 5).double()
    modules = nn.Sequential(nn.Flatten(), first, nn.ReLU(), last)
    net = Function(forward, a=first, b=last)
    close(guided_backprop(net, inputs, target), captum_guided(modules, inputs, target))


def test_guided_backprop_of_a_relu_used_again():
    inputs, target = torch.randn(3, 6, dtype=torch.float64), torch.tensor([0, 1, 1])
    a, b, c = (nn.Linear(*shape).double() for shape in ((6, 6), (6, 6), (6, 2)))
    relu = nn.ReLU()
    reused = nn.Sequential(a, relu, b, relu, c)
    unrolled = nn.Sequential(a, nn.ReLU(), b, nn.ReLU(), c)
    close(guided_backprop(reused, inputs, target), captum_guided(unrolled, inputs, target))


def test_guided_backprop_by_hand():
    # z = -ReLU(x0) + 2 ReLU(x1) - 3 ReLU(x2): only a positive gradient at an active unit is left.
    net = nn.Sequential(nn.ReLU(), nn.Linear(3, 1, bias=False))
    net[1].weight.data = torch.tensor([[-1.0, 2.0, -3.0]])
    result = guided_backprop(net, torch.tensor([[1.0, 1.0, -1.0]]), torch.tensor([0]))
    assert result.tolist() == [[0, 2, 0]]
    result = guided_backprop(net, torch.tensor([[1.0, -1.0, 0.0]]), torch.tensor([0]))
    assert result.tolist() == [[0, 0, 0]]


def test_deconvolution_by_hand():
    # As above, but whether a unit is active does not matter.
    net = nn.Sequential(nn.ReLU(), nn.Linear(3, 1, bias=False))
    net[1].weight.data = torch.tensor([[-1.0, 2.0, 3.0]])
    for values in ([1.0, 1.0, -1.0], [1.0, -1.0, 0.0]):
        result = deconvolution(net, torch.tensor([values]), torch.tensor([0]))
        assert result.tolist() == [[0, 2, 3]]


def test_guided_backprop_without_relus_is_the_gradient(case):
    _, inputs, target = case
    net = nn.Sequential(nn.Flatten(), nn.Linear(128, 9), nn.Tanh(), nn.Linear(9, 5)).double()
    close(guided_backprop(net, inputs, target), saliency(net, inputs, target))


def test_guided_backprop_refuses_compiled_modules(case):
    net, inputs, target = case
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net[1] = torch.jit.script(nn.ReLU())
    with pytest.raises(ValueError, match="'1'"):
        guided_backprop(net, inputs, target)


def test_plain_gradients_are_plain_again_after_guided_backprop(case):
    net, inputs, target = case
    before = saliency(net, inputs, target)
    assert not torch.equal(guided_backprop(net, inputs, target), before)
    net[0].register_forward_pre_hook(lambda module, args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        guided_backprop(net, inputs, target)
    net[0]._forward_pre_hooks.clear()
    assert torch.equal(saliency(net, inputs, target), before)


@pytest.mark.parametrize("baselines", [None, 0.25, torch.rand(3, 2, 8, 8).double()])
def test_guided_backprop_times_the_distance_from_a_baseline(case, baselines):
    net, inputs, target = case
    plain = guided_backprop(net, inputs, target)
    assert torch.equal(guided_backprop(net, inputs, target, baselines=baselines), plain)
    ours = guided_backprop(net, inputs, target, baselines=baselines, multiply_by_inputs=True)
    close(ours, (inputs - (0 if baselines is None else baselines)) * plain)


def test_exported_programs_are_seen(case):
    net, inputs, target = case
    net.eval()
    exported = torch.export.export(net, (inputs,)).module()
    close(
        guided_backprop(lambda x: exported(x), inputs, target), guided_backprop(net, inputs, target)
    )


def test_relus_that_cannot_be_seen_are_an_error(case):
    net, inputs, target = case
    alone = contextvars.Context()

    class Elsewhere(nn.Module):
        """Runs a net in another thread, as DataParallel does, where no mode is active."""

        def forward(self, x: Tensor) -> Tensor:
            with ThreadPoolExecutor(1) as pool:
                return pool.submit(alone.run, net, x).result()

    net.eval()
    with pytest.raises(ValueError, match=r"1 ReLU of the net .*DataParallel"):
        guided_backprop(Elsewhere(), inputs, target)
