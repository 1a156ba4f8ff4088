"""Claims are judged by their own numbers, and a wrongly written claim is refused."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import yaml

from experiments.claims import ClaimError, expectation, judge, load_claims

TABLE = pd.DataFrame(
    {
        "net": ["a", "a", "b", "b"],
        "kind": ["x", "regular", "x", "regular"],
        "score": [1.0, 3.0, 2.0, 2.5],
        "other": [0.0, 0.0, 0.0, math.nan],
        "text": ["1 2", "1 2", "3", "4"],
    }
)
PAPER = pd.DataFrame({"model": ["A", "B"], "value": [1.5, 2.0], "list": ["1 2", "9"]})


def claim(**changes):
    base = {
        "claim": "the claim",
        "source": "a paper",
        "scope": "exact",
        "table": "scores",
        "rows": {"kind": "x"},
        "column": "score",
        "expect": {"at_most": 2},
    }
    return {**base, **changes}


def verdict(**changes):
    return judge(claim(**changes), {"scores": TABLE}, {"paper": PAPER})


def test_it_holds_only_if_every_case_does():
    result = verdict()
    assert (result.verdict, result.n_cases, result.lowest, result.highest) == ("holds", 2, 1, 2)
    result = verdict(expect={"less_than": 2})
    assert result.verdict == "fails"
    assert result.remark == "not score: b"


@pytest.mark.parametrize(
    ("expect", "holds"),
    [
        ({"at_least": 1}, True),
        ({"more_than": 1}, False),
        ({"at_most": 2}, True),
        ({"less_than": 2}, False),
        ({"within": 2}, True),
        ({"within": 1.9}, False),
        ({"at_least": 0, "at_most": 1.9}, False),
    ],
)
def test_bounds(expect, holds):
    assert (verdict(expect=expect).verdict == "holds") == holds


def test_other_rows_are_subtracted_pair_by_pair():
    changes = {"against": {"kind": "regular"}, "by": ["net"]}
    result = verdict(expect={"less_than": 0}, **changes)
    assert (result.verdict, result.n_cases) == ("holds", 2)
    assert (result.lowest, result.highest) == (-2, -0.5)
    assert verdict(expect={"less_than": -1}, **changes).remark == "not score: b"


def test_published_numbers_are_subtracted_by_their_own_names():
    published = {
        "table": "paper",
        "column": "value",
        "by": ["net"],
        "rename": {"model": "net"},
        "names": {"net": {"A": "a", "B": "b"}},
    }
    result = verdict(published=published, expect={"within": 0.5})
    assert (result.verdict, result.lowest, result.highest) == ("holds", -0.5, 0)
    assert verdict(published=published, expect={"within": 0.4}).remark == "not score: a"
    lists = {**published, "column": "list"}
    result = verdict(published=lists, column="text", expect={"same": True})
    assert (result.verdict, result.remark) == ("fails", "not text: b")
    assert math.isnan(result.lowest)


def test_a_missing_number_is_no_evidence():
    result = verdict(rows={"kind": "regular"}, column="other", expect={"at_most": 1})
    assert (result.verdict, result.remark) == ("fails", "not other: b")


def test_several_columns_must_all_hold():
    assert verdict(column=["score", "other"]).n_cases == 4
    result = verdict(column=["other", "score"], expect={"at_most": 0})
    assert result.verdict == "fails"
    assert result.remark == "not score: a; b"


def test_what_the_run_lacks_is_not_testable():
    result = verdict(needs={"net": "c"})
    assert result.verdict == "not testable here"
    assert result.remark == "needs net c, this run has a, b"
    result = verdict(rows={"kind": "stripped"})
    assert (result.verdict, result.n_cases) == ("not testable here", 0)


def test_needs_select_the_rows_too():
    assert verdict(needs={"net": ["b", "c"]}, expect={"at_least": 2}).n_cases == 1


def test_boolean_columns_can_be_selected():
    table = TABLE.assign(selected=np.array([True, False, False, False]))
    result = judge(claim(rows={"selected": True}), {"scores": table}, {})
    assert (result.n_cases, result.highest) == (1, 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"table": "grades"}, "no table 'grades'"),
        ({"rows": {"colour": "red"}}, "no column 'colour'"),
        ({"column": "points"}, "no column 'points'"),
        ({"published": {"table": "book", "column": "v", "by": ["net"]}}, "table 'book'"),
    ],
)
def test_names_that_do_not_exist_are_named(changes, message):
    with pytest.raises(ClaimError, match=message):
        verdict(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"expects": {"at_most": 1}}, "'expects' was unexpected"),
        ({"against": {"kind": "x"}}, "'by' is a dependency"),
        ({"expect": {"at_most": "1e-3"}}, "is not of type 'number'"),
        ({"scope": "perhaps"}, "'perhaps' is not one of"),
    ],
)
def test_a_wrongly_written_list_is_refused(tmp_path, changes, message):
    path = tmp_path / "claims.yaml"
    path.write_text(yaml.safe_dump([claim(**changes)]))
    with pytest.raises(ClaimError, match=message) as raised:
        load_claims(path)
    assert str(path) in str(raised.value)


def test_the_claims_of_the_project_are_well_written(root):
    claims = load_claims(root / "workflow" / "claims.yaml")
    statements = [(entry["claim"], entry["table"]) for entry in claims]
    assert len(set(statements)) == len(statements)
    for entry in claims:
        if "published" in entry:
            path = root / "workflow" / "published" / f"{entry['published']['table']}.csv"
            assert entry["published"]["column"] in pd.read_csv(path)


def test_expectations_are_printed_in_symbols():
    assert expectation({"at_least": 0.1, "at_most": 10}) == "≥ 0.1, ≤ 10"
    assert expectation({"same": True}) == "the same"
