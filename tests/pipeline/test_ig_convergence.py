"""Convergence of IG in the results of the smoke run."""

from __future__ import annotations

import math

from tests.pipeline.helpers import read_table

COLUMNS = [
    *("dataset", "arch", "variant", "method", "n_steps"),
    *("mean_abs_difference", "relative_difference_percent"),
]


def test_the_table_has_every_rule_and_number_of_steps_and_no_gaps(results, run_config):
    frame = read_table(results, "ig_convergence")
    settings = run_config["ig_convergence"]
    assert list(frame.columns) == COLUMNS and not frame.isna().any().any()
    rows = set(zip(frame["arch"], frame["variant"], frame["method"], frame["n_steps"], strict=True))
    assert len(rows) == len(frame)
    assert rows == {
        (arch, variant, method, n_steps)
        for arch in run_config["networks"]["architectures"]
        for variant in settings["variants"]
        for method in settings["methods"]
        for n_steps in settings["n_steps"]
        if method != "riemann_trapezoid" or n_steps > 1
    }


def test_a_node_at_zero_costs_x_nets_its_weight(results):
    """The trapezoid rule loses half a step: 1/(2(n-1)) of the attribution."""
    frame = read_table(results, "ig_convergence")
    rows = frame[(frame["variant"] == "x") & (frame["method"] == "riemann_trapezoid")]
    assert len(rows) >= 4
    for row in rows.itertuples():
        expected = 100 / (2 * (row.n_steps - 1))
        assert math.isclose(row.relative_difference_percent, expected, rel_tol=1e-3)
