"""Choice of a strength, and paired differences."""

from __future__ import annotations

import math

import numpy as np
import pytest

from experiments.attribution_prior.comparison import paired_difference, select_strength


def test_strength_is_chosen_by_the_mean_over_repetitions() -> None:
    assert select_strength(np.array([[0.9, 0.1], [0.6, 0.6], [0.6, 0.6], [0.5, 0.6]])) == 1
    with pytest.raises(ValueError, match=r"\(3,\)"):
        select_strength(np.ones(3))
    with pytest.raises(ValueError, match="strength 1 and repetition 0"):
        select_strength(np.array([[0.5, 0.5], [math.nan, 0.5]]))


def test_paired_difference_of_normal_differences_has_the_normal_interval() -> None:
    draws = np.random.default_rng(0)
    second = 10 * draws.normal(size=400)
    first = second + 0.3 + draws.normal(size=400)
    difference = paired_difference(first, second)
    assert difference.mean == pytest.approx((first - second).mean())
    error = (first - second).std(ddof=1) / 20
    assert difference.low == pytest.approx(difference.mean - 1.96 * error, abs=0.15 * error)
    assert difference.high == pytest.approx(difference.mean + 1.96 * error, abs=0.15 * error)
    narrow = paired_difference(first, second, confidence=0.5)
    assert difference.low < narrow.low < narrow.mean < narrow.high < difference.high
    assert (difference.confidence, narrow.confidence) == (0.95, 0.5)
    again = [paired_difference(first, second, seed=1) for _ in range(2)]
    assert again[0] == again[1] != difference


def test_paired_difference_refuses() -> None:
    good = np.ones(3)
    for first, options, message in [
        (np.ones(2), {}, "same two or more"),
        (np.array([1.0, math.nan, 0.0]), {}, "not finite"),
        (good, {"confidence": 1.0}, "confidence"),
        (good, {"resamples": 0}, "resamples"),
    ]:
        with pytest.raises(ValueError, match=message):
            paired_difference(first, good, **options)
