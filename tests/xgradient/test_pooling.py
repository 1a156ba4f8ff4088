"""Max pooling with stable ties."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from xgradient.models import AlexNet, pooling
from xgradient.models.pooling import MaxPool2d, tie_tolerance

GEOMETRIES = st.tuples(
    st.integers(1, 4), st.integers(1, 3), st.integers(0, 2), st.booleans(), st.integers(4, 9)
).filter(lambda g: g[2] <= g[0] // 2)


def pools(geometry):
    kernel, stride, padding, ceil, _ = geometry
    return (
        MaxPool2d(kernel, stride, padding, ceil_mode=ceil).eval(),
        nn.MaxPool2d(kernel, stride, padding, ceil_mode=ceil).eval(),
    )


def gradients(pool, inputs, cotangent=None):
    inputs = inputs.clone().requires_grad_()
    outputs = pool(inputs)
    cotangent = torch.ones_like(outputs) if cotangent is None else cotangent
    return outputs.detach(), torch.autograd.grad(outputs, inputs, cotangent)[0]


@given(GEOMETRIES, st.integers(0, 10**6))
def test_without_ties_it_is_torchs(geometry, seed):
    generator = torch.Generator().manual_seed(seed)
    side = geometry[-1]
    inputs = torch.randn(2, 3, side, side + 1, dtype=torch.float64, generator=generator)
    ours, theirs = pools(geometry)
    shape = theirs(inputs).shape
    cotangent = torch.randn(shape, dtype=torch.float64, generator=generator)
    for mine, expected in zip(
        gradients(ours, inputs, cotangent), gradients(theirs, inputs, cotangent), strict=True
    ):
        torch.testing.assert_close(mine, expected, rtol=1e-14, atol=1e-14)


@given(GEOMETRIES, st.integers(0, 10**6), st.sampled_from([torch.float32, torch.float64]))
def test_rounding_does_not_choose(geometry, seed, dtype):
    """Disturb exact ties by last bits: the gradient stays that of the undisturbed ties."""
    generator = torch.Generator().manual_seed(seed)
    side = geometry[-1]
    tied = torch.randint(1, 4, (1, 2, side, side), generator=generator).to(dtype)
    bits = torch.randint(-4, 5, tied.shape, generator=generator).to(dtype)
    disturbed = tied * (1 + bits * torch.finfo(dtype).eps)
    ours, theirs = pools(geometry)
    _, expected = gradients(theirs, tied)  # torch takes the first of exact ties
    assert torch.equal(gradients(ours, tied)[1], expected)
    assert torch.equal(gradients(ours, disturbed)[1], expected)


def test_torchs_own_does_let_rounding_choose():
    """The defect that this module is for: without it this test would have nothing to show."""
    disturbed = torch.tensor([[[[1.0, 1.0 + 2e-16], [0.0, 0.0]]]], dtype=torch.float64)
    disturbed[..., 0, 1] = torch.nextafter(torch.ones(()).double(), torch.tensor(2.0).double())
    assert gradients(nn.MaxPool2d(2), disturbed)[1][0, 0, 0].tolist() == [0.0, 1.0]
    assert gradients(MaxPool2d(2).eval(), disturbed)[1][0, 0, 0].tolist() == [1.0, 0.0]


def test_differences_beyond_rounding_count():
    apart = 1 + 10 * tie_tolerance(torch.float64)
    inputs = torch.tensor([[[[1.0, apart], [0.0, 0.0]]]], dtype=torch.float64)
    outputs, gradient = gradients(MaxPool2d(2).eval(), inputs)
    assert outputs.item() == apart
    assert gradient[0, 0, 0].tolist() == [0.0, 1.0]


@pytest.mark.parametrize("scale", [1e-6, 0.3, 7.0])
def test_the_choice_does_not_depend_on_scale(scale):
    inputs = torch.relu(torch.randn(4, 3, 8, 8, dtype=torch.float64)).round(decimals=1)
    pool = MaxPool2d(3, 2).eval()
    outputs, gradient = gradients(pool, inputs)
    scaled, scaled_gradient = gradients(pool, scale * inputs)
    assert torch.equal(gradient, scaled_gradient)
    torch.testing.assert_close(scaled, scale * outputs)


def test_in_training_it_is_torchs():
    inputs = torch.randint(3, (2, 2, 6, 6)).float()
    ours, theirs = MaxPool2d(3, 2).train(), nn.MaxPool2d(3, 2)
    assert torch.equal(gradients(ours, inputs)[1], gradients(theirs, inputs)[1])


@given(GEOMETRIES, st.integers(0, 10**6))
def test_values_are_torchs_bit_by_bit(geometry, seed):
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randint(1, 4, (1, 2, geometry[-1], geometry[-1]), generator=generator).float()
    inputs *= 1 + torch.randint(-4, 5, inputs.shape, generator=generator) * 1.2e-7
    ours, theirs = pools(geometry)
    assert torch.equal(ours(inputs.requires_grad_()), theirs(inputs))
    with torch.no_grad():
        assert torch.equal(ours(inputs), theirs(inputs))


HALVES = pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])


@HALVES
@pytest.mark.parametrize("below", [0.97, "one unit"])
def test_in_half_precision_the_gradient_goes_to_the_maximum(dtype, below):
    """Neighbours of 1 in half precision are no further from it than values of an image are."""
    if below == "one unit":
        below = 1 - torch.finfo(dtype).eps / 2
    inputs = torch.tensor([[[[below, 1.0], [0.5, 0.25]]]], dtype=dtype)
    assert inputs[0, 0, 0, 0] < 1
    assert gradients(MaxPool2d(2).eval(), inputs)[1][0, 0].tolist() == [[0, 1], [0, 0]]


@HALVES
@given(geometry=GEOMETRIES, seed=st.integers(0, 10**6))
def test_in_half_precision_it_is_torchs(dtype, geometry, seed):
    generator = torch.Generator().manual_seed(seed)
    side = geometry[-1]
    # Few values, next to each other: ties, and maxima by one unit in the last place.
    steps = torch.randint(4, (1, 2, side, side), generator=generator).to(dtype)
    inputs = 1 + steps * torch.finfo(dtype).eps
    for mine, theirs in zip(*(gradients(pool, inputs) for pool in pools(geometry)), strict=True):
        assert torch.equal(mine, theirs)


def error_in_half_precision(net: nn.Module, inputs: torch.Tensor, dtype: torch.dtype) -> float:
    """Relative error of the gradients against those of the same rounded weights in float64."""
    half = copy.deepcopy(net).to(dtype)
    exact, images = copy.deepcopy(half).double(), inputs.to(dtype)
    found, expected = (
        gradients(each, values, torch.ones(len(inputs), 10, dtype=values.dtype))[1].double()
        for each, values in ((half, images), (exact, images.double()))
    )
    return float((found - expected).norm() / expected.norm())


@HALVES
@pytest.mark.parametrize("seed", [0, 1])
def test_an_alexnet_in_half_precision_is_as_precise_as_with_torchs_pooling(dtype, seed):
    torch.manual_seed(seed)
    ours = AlexNet(num_classes=10, geometry="small").eval()
    theirs = copy.deepcopy(ours)
    for name, module in ours.named_modules():
        if isinstance(module, MaxPool2d):
            theirs.set_submodule(name, nn.MaxPool2d(3, 2))
    inputs = torch.rand(4, 3, 28, 28)
    expected = error_in_half_precision(theirs, inputs, dtype)
    assert 0 < expected < 0.5
    assert error_in_half_precision(ours, inputs, dtype) <= 1.1 * expected


def test_second_derivatives_are_torchs():
    inputs = torch.randn(1, 2, 5, 5, dtype=torch.float64, requires_grad=True)
    pool = MaxPool2d(3, 2).eval()
    assert torch.autograd.gradgradcheck(lambda x: pool(x).pow(3), inputs)


def gradients_of_attributions(pool: type[nn.MaxPool2d], dtype: torch.dtype | None = None):
    """Gradients, for all weights, of a loss of the attributions of a net in evaluation mode."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(2, 3, 3), nn.Softplus(), pool(3, 2, 1, ceil_mode=True), nn.Flatten()]
    net = nn.Sequential(*layers, nn.Linear(27, 2)).eval()
    inputs = torch.randn(2, 2, 7, 7, requires_grad=True)
    if dtype is None:
        net, inputs = net.double(), inputs.detach().double().requires_grad_()
    with torch.autocast("cpu", dtype, enabled=dtype is not None):
        logits = net(inputs)[:, 0].square().sum()
        (gradient,) = torch.autograd.grad(logits, inputs, create_graph=True)
        (inputs * gradient).square().sum().backward()
    return [parameter.grad for parameter in net.parameters()]


def test_attributions_train_the_weights():
    """The second derivative reaches the layers before the pooling, through the routed gradient."""
    found, expected = map(gradients_of_attributions, (MaxPool2d, nn.MaxPool2d))
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-14)
    assert found[0].any()


@HALVES
def test_attributions_train_the_weights_under_autocast(dtype):
    found = gradients_of_attributions(MaxPool2d, dtype)
    expected = gradients_of_attributions(nn.MaxPool2d, dtype)
    for mine, theirs in zip(found, expected, strict=True):
        assert mine.isfinite().all()
        torch.testing.assert_close(mine, theirs, rtol=0.05, atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_autocast_leaves_the_pooling_as_it_is(dtype):
    inputs = torch.randint(4, (2, 3, 6, 6)).to(dtype)
    expected = gradients(nn.MaxPool2d(3, 2), inputs)
    with torch.autocast("cpu", torch.bfloat16):
        found = gradients(MaxPool2d(3, 2).eval(), inputs)
    for mine, theirs in zip(found, expected, strict=True):
        assert torch.equal(mine, theirs)


def test_nan_is_handed_on():
    inputs = torch.randn(1, 1, 5, 5)
    inputs[0, 0, 1, 1] = torch.nan
    expected = nn.MaxPool2d(3, 2, 1)(inputs)
    torch.testing.assert_close(MaxPool2d(3, 2, 1).eval()(inputs), expected, equal_nan=True)
    assert expected.isnan().any() and not expected.isnan().all()


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_images_and_memory_layout_do_not_matter(layout, monkeypatch):
    """A few images at a time, or all at once: the same gradient, laid out as the input is."""
    inputs = torch.randint(4, (5, 3, 9, 8)).double().contiguous(memory_format=layout)
    pool = MaxPool2d(3, 2, 1, ceil_mode=True).eval()
    expected = gradients(nn.MaxPool2d(3, 2, 1, ceil_mode=True), inputs)[1]
    for together in (1, 100, 10**6):
        monkeypatch.setitem(pooling._TOGETHER, "cpu", together)
        gradient = gradients(pool, inputs)[1]
        assert torch.equal(gradient, expected)
        assert gradient.is_contiguous(memory_format=layout)
