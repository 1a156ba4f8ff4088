"""Claims are judged by their own numbers, and a wrongly written claim is refused."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import yaml

from experiments.claims import (
    Claim,
    ClaimError,
    Expectation,
    judge,
    judge_claims,
    load_claims,
    readable,
)
from experiments.published import read_published
from experiments.tables import whole

TABLE = pd.DataFrame(
    {
        "net": ["a", "a", "b", "b"],
        "kind": ["x", "regular", "x", "regular"],
        "score": [1.0, 3.0, 2.0, 2.5],
        "other": [0.0, 0.0, 0.0, math.nan],
        "text": ["1 2", "1 2", "3", "4"],
    }
)
PAPER = pd.DataFrame(
    {
        "net": ["a", "b", "b"],
        "run": ["A", "A", "B"],
        "value": [1.5, 2.0, 9.0],
        "list": ["1 2", "9", "3"],
    }
)


def entry(**changes):
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


def verdict(scores=TABLE, **changes):
    claim = Claim.model_validate(entry(**changes))
    return judge(claim, {"scores": scores}, {"paper": PAPER})


# --- verdicts ------------------------------------------------------------------------------------


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


def test_equals_asks_for_the_value_itself():
    assert verdict(rows={"kind": "x", "net": "a"}, expect={"equals": 1}).verdict == "holds"
    result = verdict(expect={"equals": 1})
    assert (result.verdict, result.remark) == ("fails", "not score: b")
    # The smallest other number is not equal.
    table = TABLE.assign(score=np.nextafter(1.0, 2.0))
    assert verdict(table, expect={"equals": 1.0}).verdict == "fails"


def test_other_rows_are_subtracted_pair_by_pair():
    changes = {"against": {"kind": "regular"}, "by": ["net"]}
    result = verdict(expect={"less_than": 0}, **changes)
    assert (result.verdict, result.n_cases) == ("holds", 2)
    assert (result.lowest, result.highest) == (-2, -0.5)
    assert verdict(expect={"less_than": -1}, **changes).remark == "not score: b"


def test_published_numbers_are_subtracted_from_rows_that_agree():
    published = {"table": "paper", "column": "value", "by": ["net"], "rows": {"run": "A"}}
    result = verdict(published=published, expect={"within": 0.5})
    assert (result.verdict, result.lowest, result.highest) == ("holds", -0.5, 0)
    assert verdict(published=published, expect={"within": 0.4}).remark == "not score: a"
    both = {**published, "rows": {"run": ["A", "B"]}}
    assert verdict(published=both, expect={"within": 0.5}).n_cases == 3
    lists = {**published, "column": "list"}
    result = verdict(published=lists, column="text", expect={"same": True})
    assert (result.verdict, result.remark) == ("fails", "not text: b")
    assert math.isnan(result.lowest)


def test_several_columns_are_compared_with_their_published_columns_of_the_same_name():
    paper = pd.DataFrame({"net": ["a", "b"], "score": [1.0, 2.0], "other": [0.0, 0.5]})
    claim = entry(
        column=["score", "other"], published={"table": "paper", "by": ["net"]}, expect={"within": 0}
    )
    result = judge(Claim.model_validate(claim), {"scores": TABLE}, {"paper": paper})
    assert (result.verdict, result.n_cases) == ("fails", 4)
    assert (result.lowest, result.highest, result.remark) == (-0.5, 0, "not other: b")


def test_pairs_in_which_nothing_can_be_said_are_left_out():
    table = TABLE.assign(score=[0.0, 0.0, 1.0, 2.0])
    changes = {"against": {"kind": "regular"}, "by": ["net"], "expect": {"less_than": 0}}
    assert verdict(table, **changes).verdict == "fails"
    result = verdict(table, **changes, not_where_both=0.0)
    assert (result.verdict, result.n_cases) == ("holds", 1)
    # One that is zero is a case.
    table = TABLE.assign(score=[0.0, 1.0, 3.0, 0.0])
    result = verdict(table, **changes, not_where_both=0.0)
    assert (result.verdict, result.n_cases, result.remark) == ("fails", 2, "not score: b")
    result = verdict(TABLE.assign(score=0.0), **changes, not_where_both=0.0)
    assert (result.verdict, result.n_cases) == ("not testable here", 2)
    assert result.remark == "score is 0 in every case: nothing to compare"


def test_rows_of_few_images_decide_nothing():
    table = TABLE.assign(n_images=[4, 4, 400, 400])
    changes = {"against": {"kind": "regular"}, "by": ["net"], "expect": {"less_than": -1}}
    assert verdict(table, **changes).remark == "not score: b"
    result = verdict(table, **changes, enough={"n_images": 30})
    assert (result.verdict, result.n_cases, result.highest) == ("fails", 1, -0.5)
    assert result.remark == "not score; left out, n_images below 30: a (4)"
    changes["expect"] = {"less_than": 0}
    result = verdict(table, **changes, enough={"n_images": 30})
    assert (result.verdict, result.remark) == ("holds", "left out, n_images below 30: a (4)")
    assert verdict(table, **changes, enough={"n_images": 4}).remark == ""
    result = verdict(table, **changes, enough={"n_images": 500})
    assert (result.verdict, result.n_cases) == ("not testable here", 0)
    assert result.remark == "left out, n_images below 500: a (4), b (400)"
    with pytest.raises(ClaimError, match="no column 'n_images'"):
        verdict(enough={"n_images": 30})


def test_few_cases_decide_nothing():
    table = TABLE.assign(n_images=[4, 4, 400, 400])
    changes = {"against": {"kind": "regular"}, "by": ["net"], "expect": {"less_than": 0}}
    n_cases = verdict(table, **changes).n_cases
    assert verdict(table, **changes, enough_cases=n_cases).verdict == "holds"
    result = verdict(table, **changes, enough_cases=n_cases + 1)
    assert (result.verdict, result.n_cases) == ("not testable here", n_cases)
    assert result.remark == "2 cases, but chance decides on fewer than 3"
    # What is left out for its few images is no case.
    result = verdict(table, **changes, enough={"n_images": 30}, enough_cases=n_cases)
    assert result.verdict == "not testable here"
    assert result.remark.endswith("on fewer than 2; left out, n_images below 30: a (4)")


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
    result = verdict(table, rows={"selected": True})
    assert (result.n_cases, result.highest) == (1, 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"table": "grades"}, "no table 'grades'"),
        ({"rows": {"colour": "red"}}, "no column 'colour'"),
        ({"column": "points"}, "no column 'points'"),
        ({"published": {"table": "book", "column": "v", "by": ["net"]}}, "table 'book'"),
        ({"published": {"table": "paper", "column": "v", "by": ["net"]}}, "no column 'score'"),
        ({"published": {"table": "paper", "column": "value", "by": ["n"]}}, "no column 'n'"),
        ({"against": {"kind": "regular"}, "by": ["colour"]}, "no column 'colour'"),
    ],
)
def test_names_that_do_not_exist_are_named(changes, message):
    with pytest.raises(ClaimError, match=message) as raised:
        verdict(**changes)
    assert "'the claim'" in str(raised.value)


# --- the list ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "key", "message"),
    [
        ({"expects": {"at_most": 1}}, "expects", "unknown key; allowed here: claim, source"),
        ({"expect": {"at_least_": 1}}, "expect.at_least_", "did you mean at_least?"),
        ({"expect": {"at_most": math.nan}}, "expect.at_most", "should be a finite number"),
        ({"expect": {"at_most": math.inf}}, "expect.at_most", "finite number, got inf"),
        ({"not_where_both": math.nan}, "not_where_both", "should be a finite number, got nan"),
        ({"expect": {"at_most": "1e-3x"}}, "expect.at_most", "a valid number, got '1e-3x'"),
        ({"expect": {"within": -1}}, "expect.within", "greater than or equal to 0"),
        ({"expect": {"same": False}}, "expect.same", "should be True"),
        ({"expect": {}}, "expect", "give one or more of at_least, more_than"),
        ({"against": {"kind": "x"}}, "the claim", "against and by belong together"),
        ({"by": ["net"]}, "the claim", "against and by belong together"),
        ({"against": {"kind": "x"}, "by": []}, "by", "at least 1 item"),
        (
            {
                "against": {"kind": "x"},
                "by": ["net"],
                "published": {"table": "paper", "by": ["net"]},
            },
            "the claim",
            "give against or published, not both",
        ),
        ({"not_where_both": 0.0}, "the claim", "not_where_both needs against"),
        ({"published": {"table": "paper"}}, "published.by", "Field required"),
        ({"scope": "perhaps"}, "scope", "should be 'exact' or 'qualitative'"),
        ({"source": ""}, "source", "at least 1 character"),
        ({"rows": {"kind": []}}, "rows.kind", "should be a valid"),
    ],
)
def test_a_wrong_claim_is_one_line_with_file_claim_and_key(tmp_path, changes, key, message):
    path = tmp_path / "claims.yaml"
    path.write_text(yaml.safe_dump([entry(claim="a good one"), entry(**changes)]))
    with pytest.raises(ClaimError) as raised:
        load_claims(path)
    said = str(raised.value)
    assert "\n" not in said
    assert said.startswith(f"{path}: claim 2 'the claim': {key}")
    assert message in said


@pytest.mark.parametrize("text", ["", "claims: []\n", "[]\n"])
def test_what_is_no_list_is_refused(tmp_path, text):
    path = tmp_path / "claims.yaml"
    path.write_text(text)
    with pytest.raises(ClaimError, match=r"claims\.yaml: must be a list of claims"):
        load_claims(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfea", "claims.yaml: not valid YAML: 'utf-8' codec can't decode"),
        (b"- {claim: a, claim: b}", "claims.yaml: not valid YAML: key 'claim' is given twice"),
        (b"[" * 50000, "claims.yaml: not valid YAML: nested too deep"),
        (b"- [", "claims.yaml: not valid YAML: while parsing"),
    ],
)
def test_what_is_no_yaml_is_one_line(tmp_path, content, message):
    path = tmp_path / "claims.yaml"
    path.write_bytes(content)
    with pytest.raises(ClaimError) as raised:
        load_claims(path)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_missing_list_is_named(tmp_path):
    with pytest.raises(ClaimError, match=r"claims\.yaml: there is no such file"):
        load_claims(tmp_path / "claims.yaml")


def test_a_bound_may_be_written_as_in_python():
    assert Expectation.model_validate({"at_most": "1e-3"}).at_most == 1e-3


def test_an_entry_that_is_no_claim_is_refused(tmp_path):
    path = tmp_path / "claims.yaml"
    path.write_text("- the earth is flat\n")
    with pytest.raises(ClaimError, match=r"claims\.yaml: claim 1 '': the claim: "):
        load_claims(path)


def test_the_claims_about_given_tables_are_judged_in_their_order(tmp_path):
    path = tmp_path / "claims.yaml"
    claims = [
        entry(claim="it fails", expect={"less_than": 2}),
        entry(claim="of another table", table="grades"),
        entry(claim="it is near", published={"table": "paper", "column": "value", "by": ["net"]}),
        entry(claim="it is not here", needs={"net": "c"}),
    ]
    path.write_text(yaml.safe_dump(claims))
    TABLE.to_csv(tmp_path / "scores.csv", index=False)
    PAPER.to_csv(tmp_path / "paper.csv", index=False)
    judged = judge_claims(path, [tmp_path / "scores.csv"], [tmp_path / "paper.csv"])
    assert judged["claim"].tolist() == ["it fails", "it is near", "it is not here"]
    assert judged["verdict"].tolist() == ["fails", "holds", "not testable here"]
    assert judged["expected"].tolist() == ["< 2", "≤ 2", "≤ 2"]
    assert judged["n_cases"].tolist() == [2, 3, 0]
    shown = readable(judged)
    assert shown["measured"].tolist() == ["1 to 2", "-7 to 0", "–"]
    assert list(shown.columns) == [
        *("claim", "verdict", "measured", "expected", "cases", "remark", "scope", "source")
    ]
    with pytest.raises(ClaimError, match="no published table 'paper'"):
        judge_claims(path, [tmp_path / "scores.csv"], [])


def test_a_notebook_shows_whole_claims_and_no_markup_in_them(tmp_path):
    path = tmp_path / "claims.yaml"
    path.write_text(yaml.safe_dump([entry(claim="<b>It</b> holds" + " and holds" * 20)]))
    TABLE.to_csv(tmp_path / "scores.csv", index=False)
    page = whole(readable(judge_claims(path, [tmp_path / "scores.csv"], []))).to_html()
    assert "&lt;b&gt;It&lt;/b&gt; holds" + " and holds" * 20 + "</td>" in page


def test_expectations_are_printed_in_symbols():
    assert str(Expectation(at_least=0.1, at_most=10)) == "≥ 0.1, ≤ 10"
    assert str(Expectation(more_than=0, less_than=1)) == "> 0, < 1"
    assert str(Expectation(within=0.5)) == "± 0.5"
    assert str(Expectation(equals=313)) == "= 313"
    assert str(Expectation(same=True)) == "the same"


def test_the_claims_of_the_project_name_published_numbers(root):
    claims = load_claims(root / "workflow" / "claims.yaml")
    statements = [(claim.claim, claim.table) for claim in claims]
    assert len(set(statements)) == len(statements)
    for claim in claims:
        if claim.published is not None:
            source = claim.published
            table = read_published(root / "workflow" / "published" / f"{source.table}.csv")
            columns = claim.column if isinstance(claim.column, list) else [claim.column]
            for column in columns:
                assert (source.column or column) in table, claim.claim
            assert {*source.by, *source.rows} <= set(table.columns), claim.claim
