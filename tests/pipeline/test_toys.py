"""The toy functions in the results of the smoke run."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest


@pytest.fixture(scope="module")
def config(run_config):
    return run_config["toys"]


@pytest.fixture(scope="module")
def table(results):
    return pd.read_csv(results / "tables" / "toys.csv")


def test_every_function_method_and_input_is_there(table, config):
    assert list(table.columns) == [
        "toy",
        "formula",
        "along",
        "position",
        "output",
        "method",
        "input",
        "attribution",
    ]
    assert not table.isna().any().any()
    inputs = {
        "saturation": ["i1", "i2"],
        "threshold": ["x"],
        "minimum": ["i1", "i2"],
        "sensitivity": ["x"],
    }
    counts = table.groupby(["toy", "method", "input"]).size()
    assert (counts == config["n_points"]).all()
    assert set(counts.index) == {
        (toy, method, name)
        for toy, names in inputs.items()
        for method in config["methods"]
        for name in names
    }


def test_deeplift_sums_to_the_output_and_the_gradient_does_not(table):
    sums = table.groupby(["method", "toy", "position"]).agg(
        {"attribution": "sum", "output": "first"}
    )
    missed = (sums["attribution"] - sums["output"]).abs().groupby("method").max()
    assert missed["deeplift_rescale"] < 1e-9 and missed["deeplift_revealcancel"] < 1e-9
    assert (missed[["gradient", "guided_backprop", "input_x_gradient"]] > 0.5).all()


def test_only_revealcancel_shares_the_minimum(table):
    minimum = table[(table["toy"] == "minimum") & ~table["position"].isin([0.0, 1.0])]
    shares = minimum.pivot(index=["method", "position"], columns="input", values="attribution")
    alike = np.isclose(shares["i1"], shares["i2"]) & (shares["i1"] > 0)
    alike = pd.Series(alike, index=shares.index).groupby("method").all()
    assert alike.sum() == 1 and alike["deeplift_revealcancel"]


def test_the_facts_say_what_made_it(results, config):
    facts = json.loads((results / "toys.json").read_text())
    assert facts["rule"] == "measure_toys"
    assert list(facts["parameters"]["methods"]) == sorted(config["methods"])
