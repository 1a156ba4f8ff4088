"""Targets that are an index into outputs of any shape, such as the pixels of a restored image."""

from __future__ import annotations

import captum.attr
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.oracles.helpers import close
from tests.oracles.nets import Wrapped
from tests.xgradient.attribution.test_every_method import EVERY_METHOD
from xgradient.attribution import exact_integrated_gradients, x_gradient
from xgradient.deeplift import deeplift
from xgradient.homogeneous import (
    NotHomogeneousError,
    check_homogeneous,
    homogeneity_degree,
    remove_biases,
)

METHODS = {
    **EVERY_METHOD,
    "deeplift_rescale": lambda net, x, t: deeplift(net, x, t, baselines=0.3, rule="rescale"),
    "deeplift_revealcancel": lambda net, x, t: deeplift(
        net, x, t, baselines=0.3, rule="revealcancel"
    ),
}
every_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)

PIXELS = [(1, 2, 3), (0, 0, 5), (1, 5, 0)]


@pytest.fixture
def net() -> nn.Module:
    """A net with biases that maps (N, 2, 6, 6) to (N, 2, 6, 6)."""
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 2, 3, padding=1)
    ).double()


@pytest.fixture
def inputs() -> Tensor:
    return torch.randn(3, 2, 6, 6, dtype=torch.float64)


def selecting(net: nn.Module, *pixels: tuple[int, ...]) -> nn.Module:
    """A net whose logits are some outputs of another."""
    return Wrapped(net, lambda out: torch.stack([out[(slice(None), *p)] for p in pixels], 1))


@every_method
def test_one_output_for_all_rows_is_the_logit_of_a_net_that_selects_it(method, net, inputs):
    close(method(net, inputs, (1, 2, 3)), method(selecting(net, (1, 2, 3)), inputs, 0))


@every_method
@pytest.mark.parametrize(
    "target",
    [
        PIXELS,
        [(np.int64(1), torch.tensor(2), 3), *PIXELS[1:]],
        [tuple(index) for index in np.array(PIXELS, dtype=np.uint8)],
    ],
)
def test_an_output_for_each_row_is_the_logit_of_a_net_that_selects_them(
    method, net, inputs, target
):
    close(method(net, inputs, target), method(selecting(net, *PIXELS), inputs, [0, 1, 2]))


@every_method
@pytest.mark.parametrize("shape", [(72,), (2, 36), (2, 6, 2, 3), (1, 2, 6, 6)])
def test_the_shape_of_the_outputs_does_not_matter(method, net, inputs, shape):
    """Outputs of one to four dimensions, of which the same number is explained."""
    reshaped = Wrapped(net, lambda out: out.reshape(len(out), *shape))
    place = int(np.ravel_multi_index((1, 2, 3), (2, 6, 6)))
    index = tuple(int(each) for each in np.unravel_index(place, shape))
    close(method(reshaped, inputs, index), method(net, inputs, (1, 2, 3)))


@every_method
@pytest.mark.parametrize(
    ("target", "error", "message"),
    [
        ((1, 2), ValueError, r"tuple of 3 indices for .* \(\d+, 2, 6, 6\), got target = \(1, 2\)"),
        (1, ValueError, r"tuple of 3 indices for .*, got target = 1"),
        ([0, 1, 2], ValueError, r"tuple of 3 indices for .*, got target\[0\] = 0"),
        ([(1, 2)] * 3, ValueError, r"tuple of 3 indices for .*, got target\[0\] = \(1, 2\)"),
        ([(1, 2, 3), (1, 2), (1, 2)], ValueError, "tuples of one length, got several"),
        ([(1, 2, 3)] * 2, ValueError, r"shape \(3,\), one index per row.*got 2 of them"),
        ((2, 0, 0), ValueError, r"\[0, 2\), .* along axis 1, got target = \(2, 0, 0\)"),
        ((0, 0, -1), ValueError, r"\[0, 6\), .* along axis 3, got target = \(0, 0, -1\)"),
        (
            [(1, 2, 3), (0, 6, 0), (1, 5, 0)],
            ValueError,
            r"\[0, 6\), .* along axis 2, got target\[1\] = \(0, 6, 0\)",
        ),
        ((0, 1.0, 2), TypeError, r"got float in \(0, 1\.0, 2\)"),
        ((0, True, 2), TypeError, "got bool in"),
        ((0, slice(None), 2), TypeError, "got slice in"),
        ([(0, torch.tensor(1.5), 2)] * 3, TypeError, "got Tensor in"),
        ([[0, 1, 2]] * 3, TypeError, "a list of ints or tuples.*, got list"),
        (torch.tensor(PIXELS), ValueError, r"got \(3, 3\): an index .* is a tuple"),
        (None, ValueError, "no target is given"),
    ],
)
def test_what_is_wrong_with_an_index_is_said(method, net, inputs, target, error, message):
    with pytest.raises(error, match=message):
        method(net, inputs, target)


@pytest.mark.parametrize("target", [(1, 2, 3), PIXELS], ids=["all rows", "each row"])
@pytest.mark.parametrize(
    ("name", "reference", "options"),
    [
        ("saliency", captum.attr.Saliency, {"abs": False}),
        ("input_x_gradient", captum.attr.InputXGradient, {}),
        ("guided_backprop", captum.attr.GuidedBackprop, {}),
        ("deconvolution", captum.attr.Deconvolution, {}),
        ("integrated_gradients", captum.attr.IntegratedGradients, {"n_steps": 4}),
        ("deeplift_rescale", captum.attr.DeepLift, {"baselines": 0.3}),
    ],
)
@pytest.mark.filterwarnings("ignore:Setting forward, backward hooks")
@pytest.mark.filterwarnings("ignore:Setting backward hooks", "ignore:Input Tensor 0 did not")
def test_captum_agrees(net, inputs, name, reference, options, target):
    expected = reference(net).attribute(inputs.clone(), target=target, **options)
    # The nodes and weights of its quadrature are in float32.
    tolerance = 1e-6 if name == "integrated_gradients" else 1e-12
    close(METHODS[name](net, inputs, target), expected.detach(), tolerance)


def test_homogeneity_is_that_of_all_outputs(net, inputs):
    bare = remove_biases(net, inputs)
    check_homogeneous(bare, inputs)
    assert homogeneity_degree(bare, inputs) == pytest.approx(1)
    with pytest.raises(NotHomogeneousError, match="bias"):
        check_homogeneous(net, inputs)
    with pytest.raises(NotHomogeneousError):
        x_gradient(net, inputs, (1, 2, 3))


def test_x_gradient_of_an_output_is_its_filter_times_the_image_and_sums_to_it(net, inputs):
    bare = remove_biases(net)
    attribution = x_gradient(bare, inputs, PIXELS)
    for row, pixel in enumerate(PIXELS):
        jacobian = torch.autograd.functional.jacobian(bare, inputs[row : row + 1])
        close(attribution[row], inputs[row] * jacobian[(0, *pixel, 0)])
        close(attribution[row].sum(), bare(inputs)[row][pixel].detach())
    # The output at (0, 5) sees the corner alone.
    assert not attribution[1, :, 3:].any() and not attribution[1, :, :, :3].any()
    exact, pieces = exact_integrated_gradients(bare, inputs, PIXELS, return_pieces=True)
    close(attribution, exact)
    assert pieces.n_pieces.tolist() == [1, 1, 1]
