"""The toy functions of the smoke run: run after  snakemake ... --configfile config/smoke.yaml."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import yaml

from experiments.names import TOY_METHODS


@pytest.fixture(scope="module")
def results(root):
    path = root / "results" / "smoke"
    if not (path / "tables" / "toys.csv").is_file():
        pytest.fail("no smoke run: snakemake --cores all --configfile config/smoke.yaml")
    return path


@pytest.fixture(scope="module")
def table(results):
    return pd.read_csv(results / "tables" / "toys.csv")


def test_every_function_method_and_input_is_there(root, table):
    smoke = yaml.safe_load((root / "config" / "smoke.yaml").read_text())["toys"]
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
    assert (counts == smoke["n_points"]).all()
    assert set(counts.index) == {
        (toy, method, name)
        for toy, names in inputs.items()
        for method in TOY_METHODS
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


def test_the_figure_comes_in_both_formats_and_says_what_made_it(results):
    assert (results / "figures" / "toys.png").read_bytes().startswith(b"\x89PNG")
    assert (results / "figures" / "toys.pdf").read_bytes().startswith(b"%PDF")
    assert json.loads((results / "toys.json").read_text())["rule"] == "figure_toys"
