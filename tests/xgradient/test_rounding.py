"""Arithmetic of reduced precision."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from xgradient.attribution import integrated_gradients, quadrature, saliency
from xgradient.rounding import PRECISIONS, round_to_precision, rounded_forward

precisions = pytest.mark.parametrize("precision", PRECISIONS)


def literal_tf32(value: np.float32) -> np.float32:
    """Nearest float32 whose 13 lowest bits are zero; of two, the one whose next bit is zero."""
    if not np.isfinite(value):
        return value
    below = int(np.float32(value).view(np.uint32)) & ~0x1FFF
    candidates = []
    for bits in (below, below + 0x2000):
        # In double precision the step beyond the largest exponent is a number like any other.
        exponent, fraction = (bits >> 23) & 0xFF, bits & 0x7FFFFF
        size = math.ldexp(fraction + (1 << 23 if exponent else 0), max(exponent, 1) - 150)
        candidates.append((abs(abs(float(value)) - size), (bits >> 13) & 1, bits))
    return np.uint32(min(candidates)[2]).view(np.float32)


ties_and_limits = [0x3F801000, 0x3F803000, 0x3F800FFF, 0x3F801001, 0x3FFFF000, 0x7F7FEFFF]

ties_and_limits += [0x7F7FF000, 0x7F7FFFFF, 0x7F800000, 0x00001000, 0x00003000, 0x007FFFFF, 0, 1]


@given(st.lists(st.integers(0, 2**31 - 1) | st.sampled_from(ties_and_limits), min_size=1))
@settings(max_examples=200, deadline=None)
def test_tf32_is_round_to_nearest_even_on_the_bits(bits):
    patterns = np.array(bits, dtype=np.uint32)
    patterns = np.concatenate([patterns, patterns | np.uint32(1 << 31)])
    values = patterns.view(np.float32)
    rounded = round_to_precision(torch.from_numpy(values.copy()), "tf32").numpy()
    expected = np.array([literal_tf32(value) for value in values], dtype=np.float32)
    nan = np.isnan(values)
    assert np.isnan(rounded[nan]).all()
    assert (rounded[~nan].view(np.uint32) == expected[~nan].view(np.uint32)).all()


def test_tf32_of_all_patterns_of_the_dropped_bits():
    patterns = np.arange(0x3F7FC000, 0x3F808000, dtype=np.uint32)
    values = patterns.view(np.float32)
    rounded = round_to_precision(torch.from_numpy(values.copy()), "tf32").numpy()
    assert not (rounded.view(np.uint32) & 0x1FFF).any()
    assert (np.diff(rounded) >= 0).all()
    expected = [literal_tf32(value) for value in values[::7]]
    assert (rounded[::7] == np.array(expected)).all()


def test_bfloat16_is_the_rounding_of_torch():
    patterns = torch.randint(-(2**31), 2**31, (5000,)).to(torch.int32)
    values = patterns.view(torch.float32)
    expected = values.to(torch.bfloat16).float()
    torch.testing.assert_close(
        round_to_precision(values, "bfloat16"), expected, rtol=0, atol=0, equal_nan=True
    )
    # One unit in the last of 7 places is 2^-7: a tie goes to the even neighbour.
    ties = torch.tensor([1 + 2**-8, 1 + 3 * 2**-8])
    assert round_to_precision(ties, "bfloat16").tolist() == [1, 1 + 2**-6]


@pytest.mark.parametrize("bits", [1, 4, 7, 10, 15, 22, 23])
def test_any_number_of_bits_is_round_to_nearest_even(bits):
    """In double precision a significand of so many bits is an integer after scaling."""
    values = torch.cat([torch.randn(500) * 10.0 ** torch.randint(-20, 20, (500,)), torch.zeros(1)])
    significand, exponent = torch.frexp(values.double())
    scale = 2.0 ** (bits + 1)
    expected = torch.ldexp(torch.round(significand * scale) / scale, exponent)
    assert torch.equal(round_to_precision(values, bits).double(), expected)


def test_formats_are_numbers_of_bits():
    values = torch.randn(1000)
    assert torch.equal(round_to_precision(values, 10), round_to_precision(values, "tf32"))
    assert torch.equal(round_to_precision(values, 7), round_to_precision(values, "bfloat16"))
    for wrong in (0, 24, "float16"):
        with pytest.raises(ValueError, match="bits from 1 to 23"):
            round_to_precision(values, wrong)


@precisions
def test_rounding_keeps_the_shape_and_the_argument(precision):
    values = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last).transpose(0, 1)
    before = values.clone()
    rounded = round_to_precision(values, precision)
    assert torch.equal(values, before)
    assert rounded.shape == values.shape
    assert rounded.dtype == torch.float32
    assert torch.equal(rounded, round_to_precision(rounded, precision))
    assert torch.equal(rounded[1, 0], round_to_precision(values[1, 0], precision))
    relative = ((rounded - values) / values).abs().max()
    unit = {"tf32": 2.0**-11, "bfloat16": 2.0**-8}[precision]
    assert unit / 4 < relative <= unit


@precisions
def test_rounding_is_defined_for_single_precision(precision):
    with pytest.raises(TypeError, match="float32"):
        round_to_precision(torch.ones(1, dtype=torch.float64), precision)


def test_unknown_precisions():
    with pytest.raises(ValueError, match=r"tf32, bfloat16 or a number .* got .fp8"):
        round_to_precision(torch.ones(1), "fp8")
    with pytest.raises(ValueError, match="fp8"), rounded_forward(nn.Linear(1, 1), "fp8"):
        pass


LAYERS = [
    (nn.Linear(5, 4), (3, 5)),
    (nn.Linear(5, 4, bias=False), (3, 2, 5)),
    (nn.Conv1d(2, 4, 3), (3, 2, 7)),
    (nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2, dilation=2), (2, 4, 9, 9)),
    (nn.Conv2d(2, 4, 3, padding=1, padding_mode="reflect"), (2, 2, 5, 5)),
    (nn.Conv2d(2, 4, 3, bias=False), (2, 2, 5, 5)),
    (nn.Conv2d(2, 4, 3), (2, 5, 5)),
    (nn.Conv3d(2, 4, 2), (2, 2, 4, 4, 4)),
    (nn.ConvTranspose1d(2, 4, 3, stride=2), (3, 2, 7)),
    (nn.ConvTranspose2d(2, 4, 3, stride=2, output_padding=1), (2, 2, 5, 5)),
    (nn.ConvTranspose3d(2, 4, 2), (2, 2, 3, 3, 3)),
]


def without_bias(layer: nn.Module, weight: Tensor, x: Tensor) -> Tensor:
    """The layer with other weights and no bias."""
    parameters = {name: torch.zeros_like(value) for name, value in layer.named_parameters()}
    return torch.func.functional_call(layer, {**parameters, "weight": weight}, (x,))


@precisions
@pytest.mark.parametrize(("layer", "shape"), LAYERS, ids=lambda value: str(value)[:20])
def test_every_product_of_a_layer_is_rounded(layer, shape, precision):
    def rounded(values: Tensor) -> Tensor:
        return round_to_precision(values, precision)

    x = torch.randn(shape, requires_grad=True)
    with rounded_forward(layer, precision):
        output = layer(x)
    gradient = torch.randn_like(output)
    parameters = [layer.weight] if layer.bias is None else [layer.weight, layer.bias]
    dx, dw, *db = torch.autograd.grad(output, [x, *parameters], gradient)

    # The same products, each by itself, of operands that were rounded beforehand.
    xr, wr = rounded(x).requires_grad_(), rounded(layer.weight).requires_grad_()
    product = without_bias(layer, wr, xr)
    expected = product
    if layer.bias is not None:
        spatial = 0 if isinstance(layer, nn.Linear) else len(layer.kernel_size)
        expected = product + layer.bias.view(-1, *[1] * spatial)
    torch.testing.assert_close(output, expected, rtol=1e-5, atol=1e-6)
    expected_dx, expected_dw = torch.autograd.grad(product, [xr, wr], rounded(gradient))
    torch.testing.assert_close(dx, expected_dx, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(dw, expected_dw, rtol=1e-5, atol=1e-5)
    if db:
        expected_db = torch.autograd.grad(expected, layer.bias, gradient)[0]
        torch.testing.assert_close(db[0], expected_db, rtol=1e-5, atol=1e-5)

    exact = layer(x)
    assert (output - exact).abs().max() > 1e-5
    exact_dx, exact_dw = torch.autograd.grad(exact, [x, layer.weight], gradient)
    assert (dx - exact_dx).abs().max() > 1e-5
    assert (dw - exact_dw).abs().max() > 1e-5


def small_net() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(2, 8, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Flatten(),
        nn.Linear(72, 5),
    )


@precisions
def test_the_context_ends(precision):
    net, x = small_net(), torch.randn(2, 2, 6, 6)
    exact = net(x)
    with rounded_forward(net, precision):
        assert not torch.equal(net(x), exact)
    assert torch.equal(net(x), exact)
    with pytest.raises(ArithmeticError), rounded_forward(net, precision):
        raise ArithmeticError
    assert torch.equal(net(x), exact)
    assert "forward" not in vars(net)


def test_contexts_may_be_nested_and_nets_patched():
    net, x = small_net(), torch.randn(2, 2, 6, 6)
    with rounded_forward(net, "tf32"):
        outer = net(x)
        with rounded_forward(net, "bfloat16"):
            inner = net(x)
        assert torch.equal(net(x), outer)
    assert not torch.equal(inner, outer)
    net.forward = lambda x: x + 1
    with rounded_forward(net, "tf32"):
        assert torch.equal(net(x), x + 1)
    assert torch.equal(net(x), x + 1)


def test_other_nets_are_not_affected():
    net, other, x = small_net(), small_net(), torch.randn(2, 2, 6, 6)
    exact = other(x)
    with rounded_forward(net, "bfloat16"):
        assert torch.equal(other(x), exact)


def test_functional_layers_are_rounded():
    class Functional(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(3, 2, 3, 3))

        def forward(self, x: Tensor) -> Tensor:
            return functional.conv2d(x, weight=self.weight, padding=1)

    net, x = Functional(), torch.randn(1, 2, 4, 4)
    with rounded_forward(net, "tf32"):
        rounded = net(x)
    operands = round_to_precision(x, "tf32"), round_to_precision(net.weight, "tf32")
    torch.testing.assert_close(rounded, functional.conv2d(*operands, padding=1))


def test_other_types_than_single_precision_are_refused():
    net = small_net().double()
    with rounded_forward(net, "tf32"), pytest.raises(TypeError, match="float32"):
        net(torch.randn(2, 2, 6, 6, dtype=torch.float64))


def test_attribution_rounds_at_every_node():
    # The first layer alone sees the input: it must be rounded at each node, not at the ends of the
    # path. A rounded 0.7 x is not 0.7 times a rounded x; its square shows that in the gradient.
    class Squared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Linear(3, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.first(x).square()

    net, inputs, target = Squared(), torch.randn(5, 3), torch.arange(5) % 4
    alphas, weights = quadrature("gausslegendre", 3)
    with rounded_forward(net, "bfloat16"):
        nodes = [saliency(net, float(alpha) * inputs, target) for alpha in alphas]
        ig = integrated_gradients(net, inputs, target, n_steps=3)
    expected = inputs * sum(float(w) * node for w, node in zip(weights, nodes, strict=True))
    torch.testing.assert_close(ig, expected, rtol=1e-5, atol=1e-6)
    exact = integrated_gradients(net, inputs, target, n_steps=3)
    assert (ig - exact).abs().max() > 1e-4
