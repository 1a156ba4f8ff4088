"""The blurred replacement against a literal double loop."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.oracles import masking as reference
from xgradient.masking import (
    blur,
    blur_size_for,
)


@pytest.mark.parametrize(
    ("height", "width", "kernel_size", "sigma"),
    [(9, 12, 5, 1.5), (7, 7, 13, 5.1), (2, 3, 3, 41.0), (28, 28, 7, 5.125)],
)
def test_blur_agrees_with_a_literal_double_loop(height, width, kernel_size, sigma):
    image = np.random.default_rng(0).normal(size=(2, height, width))
    expected = reference.blur(image, kernel_size, sigma)
    blurred = blur(torch.from_numpy(image)[None], kernel_size, sigma)[0]
    np.testing.assert_allclose(blurred, expected, atol=1e-13, rtol=0)


def test_blur_keeps_a_constant_image():
    image = torch.full((1, 3, 60, 80), 0.7)
    torch.testing.assert_close(blur(image), image)


def test_blur_size_scales_with_the_side():
    assert blur_size_for(224) == (51, 41.0)
    assert blur_size_for(28) == (7, 5.125)
    for side in range(2, 600):
        kernel_size, sigma = blur_size_for(side)
        assert kernel_size % 2 == 1
        assert kernel_size == 3 or abs(kernel_size - side * 51 / 224) <= 1
        assert kernel_size // 2 < side
        assert sigma == pytest.approx(side * 41 / 224)


@pytest.mark.parametrize(
    ("side", "kernel_size", "sigma", "message"),
    [
        (28, 57, 1.0, "reflects 28 pixels.*at most 55"),
        (1, 3, 1.0, "reflects 1 pixels"),
        (28, 4, 1.0, "odd"),
        (28, 1, 1.0, "at least 3"),
        (28, 3, 0.0, "sigma"),
    ],
)
def test_blur_refuses_what_it_cannot_do(side, kernel_size, sigma, message):
    with pytest.raises(ValueError, match=message):
        blur(torch.zeros(1, 3, side, side), kernel_size, sigma)


def test_the_widest_possible_kernel_works():
    assert blur(torch.ones(1, 1, 28, 30), 55, 10.0).shape == (1, 1, 28, 30)
