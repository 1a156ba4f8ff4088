"""Quadrature rules against their textbook definitions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.oracles.attribution import literal_quadrature
from tests.oracles.helpers import slowly
from xgradient.attribution import (
    QUADRATURE_METHODS,
    integrated_gradients,
    quadrature,
)
from xgradient.attribution.quadrature import shared_nodes

methods = st.sampled_from(QUADRATURE_METHODS)


@given(methods, st.integers(2, 130))
@slowly
def test_quadrature_is_the_textbook_rule(method, n_steps):
    alphas, weights = quadrature(method, n_steps)
    expected = torch.tensor(literal_quadrature(method, n_steps), dtype=torch.float64)
    torch.testing.assert_close(torch.stack([alphas, weights], 1), expected, rtol=1e-10, atol=1e-13)
    assert float(weights.sum()) == pytest.approx(1, abs=1e-13)
    assert (alphas.diff() > 0).all()
    assert alphas.min() >= 0
    assert alphas.max() <= 1


@pytest.mark.parametrize(
    ("method", "n_steps", "degree"),
    [
        ("gausslegendre", 1, 1),
        ("gausslegendre", 5, 9),
        ("riemann_middle", 1, 1),
        ("riemann_trapezoid", 2, 1),
        ("riemann_left", 1, 0),
        ("riemann_right", 1, 0),
    ],
)
def test_quadrature_integrates_polynomials_up_to_its_degree(method, n_steps, degree):
    alphas, weights = quadrature(method, n_steps)
    for power in range(degree + 1):
        assert float((weights * alphas**power).sum()) == pytest.approx(1 / (power + 1), abs=1e-14)
    power = degree + 1
    assert float((weights * alphas**power).sum()) != pytest.approx(1 / (power + 1), abs=1e-9)


def test_quadrature_dtype():
    alphas, weights = quadrature("gausslegendre", 3, torch.float32)
    assert alphas.dtype == weights.dtype == torch.float32


@pytest.mark.parametrize(
    ("method", "n_steps", "error", "message"),
    [
        ("simpson", 4, ValueError, "gausslegendre.*got 'simpson'"),
        ("gausslegendre", 0, ValueError, "at least 1"),
        ("riemann_left", -3, ValueError, "at least 1"),
        ("riemann_trapezoid", 1, ValueError, "at least 2"),
        ("gausslegendre", 2.0, TypeError, "integer"),
        ("gausslegendre", True, TypeError, "integer"),
    ],
)
def test_impossible_rules_are_refused(case, method, n_steps, error, message):
    with pytest.raises(error, match=message):
        quadrature(method, n_steps)
    with pytest.raises(error, match=message):
        integrated_gradients(*case, method=method, n_steps=n_steps)


@given(st.lists(st.tuples(methods, st.integers(2, 40)), min_size=1, max_size=8))
@slowly
def test_shared_nodes_hold_every_rule_and_no_node_twice(rules):
    alphas, weights = shared_nodes(rules)
    assert (alphas.diff() > 0).all()
    for (method, n_steps), row in zip(rules, weights, strict=True):
        expected = torch.tensor(literal_quadrature(method, n_steps), dtype=torch.float64)
        found = torch.stack([alphas[row > 0], row[row > 0]], 1)
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-13)


def test_riemann_sums_with_powers_of_two_share_most_nodes():
    rules = [
        (f"riemann_{name}", 2**power) for name in ("left", "right", "middle") for power in range(9)
    ]
    assert sum(n_steps for _, n_steps in rules) == 1533
    assert len(shared_nodes(rules)[0]) == 513


def test_integers_of_numpy_are_integers():
    assert len(quadrature("gausslegendre", np.int64(3))[0]) == 3
