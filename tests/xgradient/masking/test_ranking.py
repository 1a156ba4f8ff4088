"""The pixels that every curve keeps, against the definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tests.oracles import masking as reference
from tests.oracles.masking_nets import PixelCode
from xgradient.masking import (
    CURVES,
    channel_mean,
    kept_pixels,
    masking_curves,
)

PUBLISHED_FRACTIONS = [float(f) for f in np.geomspace(0.01, 1, 16)]


def decode(code: float, n_pixels: int) -> set[int]:
    return {pixel for pixel in range(n_pixels) if int(code) >> pixel & 1}


def assert_kept_as_defined(attributions: torch.Tensor, fractions, batch_size: int = 7) -> None:
    """Compare the pixels kept, through the evaluation and by `kept_pixels`, with the definition."""
    n, _, height, width = attributions.shape
    n_pixels = height * width
    curves = masking_curves(
        PixelCode(n_pixels),
        torch.ones(n, 1, height, width, dtype=torch.float64),
        torch.zeros(n, dtype=torch.int64),
        channel_mean(attributions),
        fractions,
        torch.zeros(()),
        batch_size,
    )
    for image in range(n):
        means = reference.channel_mean(attributions[image].numpy())
        for c, curve in enumerate(CURVES):
            for f, fraction in enumerate(fractions):
                expected = reference.kept_pixels(means, curve, fraction)
                code = curves.target_logit[image, c, f].item()
                assert decode(code, n_pixels) == expected, (image, curve, fraction)
                assert curves.correct[image, c, f] == (code >= 2.0**12)
                kept = kept_pixels(attributions[image : image + 1], curve, fraction)
                assert set(kept.flatten().nonzero().flatten().tolist()) == expected


SHAPES = st.tuples(
    st.integers(1, 3), st.integers(1, 3), st.integers(1, 6), st.integers(1, 6)
)  # N, C, H, W


TIED = st.sampled_from([-2.0, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 2.0])


FRACTIONS = st.lists(st.floats(0, 1), min_size=1, max_size=5, unique=True).map(sorted)


@settings(max_examples=60, deadline=None)
@given(
    attributions=st.sampled_from([np.float32, np.float64]).flatmap(
        lambda dtype: arrays.arrays(
            dtype,
            SHAPES,
            elements=st.one_of(
                TIED,
                st.floats(-(2.0**100), 2.0**100, width=32),
                st.floats(-(2.0**-100), 2.0**-100, width=32),
            ),
        )
    ),
    fractions=FRACTIONS,
    batch_size=st.integers(1, 40),
)
def test_keeps_the_pixels_of_the_definition(attributions, fractions, batch_size):
    assert_kept_as_defined(torch.from_numpy(attributions), fractions, batch_size)


def adversarial() -> dict[str, torch.Tensor]:
    """Channel means of 6 x 6 pixels."""
    one_pixel, one_negative = torch.zeros(36), torch.zeros(36)
    one_pixel[17], one_negative[35] = 3.0, -1e-30
    return {
        "constant": torch.full((36,), 0.3),
        "all zero": torch.zeros(36),
        "negative zero": torch.full((36,), -0.0),
        "all negative": -torch.arange(1.0, 37.0),
        "one pixel": one_pixel,
        "one negative pixel": one_negative,
        "two values": (torch.arange(36) % 2).float() + 1,
        "equal and opposite": torch.tensor([1.0, -1.0]).repeat(18),
        "ties across every threshold": (torch.arange(36) // 5).float() - 3,
        "denormal": torch.arange(-18, 18) * 1e-42,
        "largest float": torch.tensor([3.4e38, -3.4e38, 0.0]).repeat(12),
    }


@pytest.mark.parametrize("name", adversarial())
def test_adversarial_attributions(name):
    attributions = adversarial()[name].view(1, 1, 6, 6)
    assert_kept_as_defined(attributions, PUBLISHED_FRACTIONS)


def test_wrong_sign_and_zero_are_replaced_even_at_fraction_one():
    mean = torch.tensor([[[[2.0, 0.0, -1.0]]]])
    kept = {curve: kept_pixels(mean, curve, 1.0).flatten().tolist() for curve in CURVES}
    assert kept["KPM"] == kept["RPM"] == [True, False, False]
    assert kept["KNM"] == kept["RNM"] == [False, False, True]
    assert kept["KAM"] == kept["RAM"] == [True, False, True]


def test_absolute_value_is_taken_after_the_channel_mean():
    attributions = torch.tensor([[[[3.0, 1.0]], [[-3.0, 1.0]]]])  # pixel 0 cancels over channels
    assert kept_pixels(attributions, "KAM", 1.0).flatten().tolist() == [False, True]
