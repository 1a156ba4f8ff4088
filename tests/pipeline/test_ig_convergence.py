"""Convergence of IG in the results of the smoke run."""

from __future__ import annotations

import math

from experiments.tables import LABELS
from tests.pipeline.helpers import nets_of, read_table, settings_of

COLUMNS = [
    *(*LABELS, "reference", "method", "n_steps"),
    *("mean_abs_difference", "reference_gradients", "relative_difference_percent", "n_images"),
]


def test_the_table_has_every_rule_and_number_of_steps_and_no_gaps(results, run_config):
    frame = read_table(results, "ig_convergence")
    assert list(frame.columns) == COLUMNS and not frame.isna().any().any()
    frame = frame[frame["reference"] == "steps"]
    columns = ("network", "variant", "method", "n_steps", "n_images")
    rows = set(zip(*(frame[name] for name in columns), strict=True))
    assert len(rows) == len(frame)
    assert rows == {
        (network, variant, method, n_steps, settings.n_images)
        for network, variant in nets_of(run_config, "ig_convergence")
        for settings in [settings_of(run_config, "ig_convergence", network)]
        for method in settings.methods
        for n_steps in settings.n_steps
        if method != "riemann_trapezoid" or n_steps > 1
    }


def test_a_node_at_zero_costs_x_nets_its_weight(results):
    """The trapezoid rule loses half a step: 1/(2(n-1)) of the attribution."""
    frame = read_table(results, "ig_convergence")
    rows = frame[(frame["variant"] == "x") & (frame["method"] == "riemann_trapezoid")]
    assert set(rows["reference"]) == {"steps", "exact"} and len(rows) >= 6
    for row in rows.itertuples():
        expected = 100 / (2 * (row.n_steps - 1))
        assert math.isclose(row.relative_difference_percent, expected, rel_tol=1e-3)


def test_the_exact_integral_is_a_reference_too(results, run_config):
    frame = read_table(results, "ig_convergence")
    frame = frame[frame["reference"] == "exact"]
    settings = settings_of(run_config, "ig_convergence", "alexnet")
    assert set(frame["network"]) == {"alexnet"} and set(frame["n_images"]) == {1}
    rows = set(zip(frame["variant"], frame["method"], frame["n_steps"], strict=True))
    assert {
        (variant, *case)
        for variant in ("regular", "x")
        for case in (
            ("gausslegendre", settings.reference_steps),
            *(("by_changes", n_steps) for n_steps in settings.n_steps),
        )
    } < rows
    regular, x = (frame[frame["variant"] == variant] for variant in ("regular", "x"))
    assert (regular["reference_gradients"] > 1000).all() and (x["reference_gradients"] == 1).all()
    best = regular[regular["n_steps"] == settings.reference_steps]["relative_difference_percent"]
    assert 0.01 < float(best.iloc[0]) < 100
    assert x[x["method"] == "gausslegendre"]["relative_difference_percent"].max() < 1e-9
