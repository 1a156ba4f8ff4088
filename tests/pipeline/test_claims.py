"""The verdicts in the results of the smoke run."""

from __future__ import annotations

import pandas as pd
import pytest

from experiments.claims import judge_claims, load_claims, readable
from tests.pipeline.helpers import of_run, read_table


@pytest.fixture(scope="module")
def claims(root, run_config):
    """Return the claims about tables of the run."""
    listed = load_claims(root / "workflow" / "claims.yaml")
    return [claim for claim in listed if of_run(claim.table, run_config)]


def test_every_claim_names_columns_that_its_table_has(results, claims):
    for claim in claims:
        table = read_table(results, claim.table)
        columns = claim.column if isinstance(claim.column, list) else [claim.column]
        named = {*columns, *claim.rows, *claim.needs, *(claim.against or {}), *(claim.by or [])}
        named |= set(claim.published.by if claim.published else [])
        assert named <= set(table.columns), claim.claim


def test_every_claim_has_a_verdict_in_their_order(results, claims):
    verdicts = read_table(results, "claims")
    assert verdicts["claim"].tolist() == [claim.claim for claim in claims]
    assert set(verdicts["verdict"]) <= {"holds", "fails", "not testable here"}
    idle = verdicts["verdict"] == "not testable here"
    assert verdicts.loc[~idle, "n_cases"].min() > 0
    assert verdicts.loc[idle, "remark"].notna().all()
    assert verdicts.loc[verdicts["verdict"] == "fails", "remark"].str.startswith("not ").all()


def test_what_must_hold_on_any_data_holds(results):
    """Exact claims that need no published data: identities, up to rounding."""
    verdicts = read_table(results, "claims")
    exact = verdicts[(verdicts["scope"] == "exact") & (verdicts["verdict"] != "not testable here")]
    assert len(exact) >= 5
    assert exact.loc[exact["verdict"] == "fails", "claim"].tolist() == []


def test_judging_the_tables_again_gives_the_same(root, results):
    tables = (results / "tables").glob("*.csv")
    published = (root / "workflow" / "published").glob("*.csv")
    judged = judge_claims(root / "workflow/claims.yaml", tables, published)
    verdicts = read_table(results, "claims")
    pd.testing.assert_frame_equal(judged, verdicts.fillna({"remark": ""}), check_dtype=False)
    text = (results / "tables" / "claims.md").read_text()
    for verdict in readable(judged)["verdict"].unique():
        assert verdict in text
