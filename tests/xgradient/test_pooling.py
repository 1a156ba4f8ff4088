"""Max pooling with stable ties."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from xgradient.models import pooling
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


def test_second_derivatives_are_torchs():
    inputs = torch.randn(1, 2, 5, 5, dtype=torch.float64, requires_grad=True)
    pool = MaxPool2d(3, 2).eval()
    assert torch.autograd.gradgradcheck(lambda x: pool(x).pow(3), inputs)


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
    for cached in (1, 100, 10**6):
        monkeypatch.setattr(pooling, "_CACHED", cached)
        gradient = gradients(pool, inputs)[1]
        assert torch.equal(gradient, expected)
        assert gradient.is_contiguous(memory_format=layout)
