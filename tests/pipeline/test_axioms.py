"""The axioms in the results of the smoke run."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from safetensors import safe_open

from experiments.axioms.cases import AXIOMS
from experiments.claims import judge_claims


@pytest.fixture(scope="module")
def table(results):
    return pd.read_csv(results / "tables" / "axioms.csv")


def test_every_method_and_axiom_has_a_verdict(table, run_config):
    names = ["method", "nets", "axiom", "reading", "satisfied", "violation", "n_trials", "case"]
    assert list(table.columns) == names
    assert not table.isna().any().any()
    usual = table[table["reading"] == "usual"]
    assert set(usual["method"]) == set(run_config["axioms"]["methods"])
    for (method, nets), rows in usual.groupby(["method", "nets"]):
        assert list(rows["axiom"]) == list(AXIOMS)
        assert (method, nets) != ("x_gradient", "regular")
    assert ((table["violation"] > 1e-6) == (table["satisfied"] == 0)).all()


def test_counter_examples_are_kept(results, table):
    examples = pd.read_csv(results / "tables" / "axioms_counterexamples.csv")
    assert len(examples) == (table["satisfied"] == 0).sum() > 0
    keys = examples[["method", "nets", "axiom", "reading"]].agg("/".join, axis=1)
    with safe_open(str(results / "axioms.safetensors"), framework="pt") as file:
        stored = set(file.keys())
        assert json.loads(file.metadata()["facts"])["rule"] == "measure_axioms"
    for key in keys:
        assert {f"{key}/input", f"{key}/0/attribution", f"{key}/0/0/weight"} <= stored


def test_the_cells_of_the_paper_have_verdicts(results, root):
    judged = judge_claims(
        root / "workflow/claims.yaml",
        [results / "tables" / "axioms.csv"],
        [root / "workflow/published/axioms.csv"],
    )
    of_the_paper = judged[judged["source"] == "Hesse et al. 2021, Table 1"]
    assert of_the_paper["n_cases"].sum() == 30
    # The same verdicts on any machine: the nets are constructed, or drawn on the CPU.
    assert (of_the_paper["verdict"] == "holds").all()
    text = (results / "tables" / "axioms.md").read_text()
    assert "✓ (✓)" in text and "✗ (✗)" in text
