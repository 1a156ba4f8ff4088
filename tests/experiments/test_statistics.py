"""Bootstrap intervals of means."""

from __future__ import annotations

import numpy as np
import pytest

from experiments import statistics
from experiments.statistics import bootstrap_interval


def test_the_interval_is_that_of_the_definition():
    """Against a plain loop: percentiles of the means of resamples, over many of them."""
    values = np.random.default_rng(0).exponential(size=30)
    low, high = bootstrap_interval(values, 20_000, 0.9, seed=1)
    draws = np.random.default_rng(2)
    means = [draws.choice(values, len(values)).mean() for _ in range(20_000)]
    expected = np.percentile(means, [5, 95])
    assert (low, high) == pytest.approx(tuple(expected), abs=0.02 * values.std())


def test_leading_axes_share_their_resamples():
    values = np.random.default_rng(0).normal(size=(2, 3, 25))
    values[1] = values[0] + 5.0
    low, high = bootstrap_interval(values, 200, 0.95, seed=3)
    assert low.shape == high.shape == (2, 3)
    np.testing.assert_allclose(low[1] - low[0], 5.0)
    np.testing.assert_allclose(high[1] - high[0], 5.0)


def test_the_seed_alone_decides(monkeypatch):
    values = np.random.default_rng(0).normal(size=(4, 50))
    first = bootstrap_interval(values, 300, 0.95, seed=3)
    np.random.seed(7)
    np.testing.assert_array_equal(first, bootstrap_interval(values, 300, 0.95, seed=3))
    assert not np.array_equal(first, bootstrap_interval(values, 300, 0.95, seed=4))
    # How many resamples are in memory at a time is no matter.
    monkeypatch.setattr(statistics, "_BATCH", 1000)
    np.testing.assert_array_equal(first, bootstrap_interval(values, 300, 0.95, seed=3))


def test_equal_values_have_an_interval_of_no_width():
    low, high = bootstrap_interval(np.full(10, 0.1), 50, 0.95, seed=0)
    assert low == high == pytest.approx(0.1)
