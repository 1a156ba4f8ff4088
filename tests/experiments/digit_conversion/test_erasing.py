"""Digit conversion: the erasing rule and the score."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torch import nn

from experiments.digit_conversion.erasing import convert_digits, pixels_to_erase
from xgradient.attribution import input_x_gradient

# Few different values, so that ties and zeros are common.
DIFFERENCES = arrays.arrays(np.float64, (3, 1, 5, 6), elements=st.integers(-4, 4).map(float))


@given(difference=DIFFERENCES, n_pixels=st.integers(1, 29))
def test_published_erasing_is_the_rule_of_the_notebook(difference, n_pixels):
    erased = pixels_to_erase(torch.from_numpy(difference), "published", n_pixels).numpy()
    for image, mask in zip(difference, erased, strict=True):
        threshold = max(sorted(image.ravel(), reverse=True)[n_pixels], 0.0)
        assert mask.shape == image.shape
        assert (mask == (image > threshold)).all()
        assert mask.sum() <= n_pixels


@given(difference=DIFFERENCES, n_pixels=st.integers(1, 29))
def test_fixed_erasing_takes_a_number_of_pixels(difference, n_pixels):
    erased = pixels_to_erase(torch.from_numpy(difference), "fixed", n_pixels).numpy()
    for image, mask in zip(difference, erased, strict=True):
        order = sorted(range(image.size), key=lambda i: (-image.flat[i], i))
        assert set(np.flatnonzero(mask)) == set(order[:n_pixels])


def test_by_default_157_pixels():
    difference = torch.arange(784.0).view(1, 1, 28, 28) + 1
    for rule in ("published", "fixed"):
        erased = pixels_to_erase(difference, rule)
        assert erased.sum() == 157
        assert erased.flatten()[-157:].all()
    assert pixels_to_erase(-difference, "published").sum() == 0
    assert pixels_to_erase(-difference, "fixed").sum() == 157


@pytest.mark.parametrize(
    ("rule", "n_pixels", "message"),
    [("official", 5, "unknown erasing rule 'official'"), ("fixed", 30, "between 1 and 29")],
)
def test_erasing_that_makes_no_sense_is_an_error(rule, n_pixels, message):
    with pytest.raises(ValueError, match=message):
        pixels_to_erase(torch.zeros(1, 1, 5, 6), rule, n_pixels)


def test_the_score_is_the_change_of_the_log_odds():
    # Logit 0 counts the left half of the image, logit 1 twice the first row.
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 3, bias=False), nn.Dropout()).double()
    weight = torch.zeros(3, 4, 4, dtype=torch.float64)
    weight[0, :, :2] = 1.0
    weight[1, 0] = 2.0
    with torch.no_grad():
        model[1].weight.copy_(weight.flatten(1))
    images = torch.ones(2, 1, 4, 4, dtype=torch.float64)
    images[1] = 3.0
    model.train()
    result = convert_digits(model, images, input_x_gradient, 0, 1, n_pixels=8)
    # Six pixels speak for 0 and not for 1; the two in the corner speak more for 1.
    assert result.n_erased.tolist() == [6, 6]
    torch.testing.assert_close(result.score, torch.tensor([6.0, 18.0], dtype=torch.float64))
    assert result.flipped.tolist() == [True, True]
    assert (result.masked[:, 0, 1:, :2] == 0).all()
    assert (result.masked[:, 0, 0] == images[:, 0, 0]).all()
    assert model.training
    # The other way round, the two pixels in the other corner speak most for class 1.
    back = convert_digits(model, images, input_x_gradient, 1, 0, n_pixels=1)
    assert back.n_erased.tolist() == [0, 0]  # two are tied: none is above the second largest
    fixed = convert_digits(model, images, input_x_gradient, 1, 0, "fixed", n_pixels=2)
    assert fixed.n_erased.tolist() == [2, 2]
    torch.testing.assert_close(fixed.score, torch.tensor([4.0, 12.0], dtype=torch.float64))
    assert fixed.flipped.tolist() == [True, True]
