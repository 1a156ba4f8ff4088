"""How many claims of which paper hold."""

from __future__ import annotations

import pandas as pd
import pytest

from experiments.claim_counts import (
    OUTCOMES,
    count_by_paper,
    failing_exactly,
    main,
    outcome,
    paper_of,
    read_verdicts,
    reasons,
    summary,
)
from experiments.claims import load_claims


@pytest.mark.parametrize(
    ("source", "paper"),
    [
        (
            "Hesse et al. 2021, Sec. 4.1 (their losses are 0.2 points, on ImageNet)",
            "Hesse et al. 2021",
        ),
        ("this replication; Hesse et al. 2021, Sec. 4.1, train their X-DNNs", "this replication"),
        ("Released weights of Shrikumar et al. 2017; not printed", "Shrikumar et al. 2017"),
        ("Petsiuk, Das and Saenko 2018", "Petsiuk, Das and Saenko 2018"),
        ("Schaub-Meyer and O'Hara 2024, appendix", "Schaub-Meyer and O'Hara 2024"),
        ("Kim 2014", "Kim 2014"),
        ("a letter", "a letter"),
    ],
)
def test_the_paper_is_the_first_one_cited(source, paper):
    assert paper_of(source) == paper


def test_every_claim_of_the_list_is_of_a_paper_or_of_this_replication(root):
    papers = {paper_of(claim.source) for claim in load_claims(root / "workflow/claims.yaml")}
    assert {"Hesse et al. 2021", "Shrikumar et al. 2017", "this replication"} <= papers
    for paper in papers - {"this replication"}:
        assert paper[-4:].isdigit() and len(paper) < 40, paper


@pytest.fixture
def judged():
    rows = [
        ("holds", "exact", "", "Kim 2014"),
        ("holds", "qualitative", "", "Kim 2014"),
        ("holds", "qualitative", "", "Doe et al. 2020, Sec. 1"),
        ("fails", "exact", "not a: b", "Doe et al. 2020, Sec. 2"),
        ("not testable here", "exact", "needs data x, this run has y", "Kim 2014"),
        ("not testable here", "exact", "needs data x, this run has z, w", "Kim 2014"),
        ("not testable here", "exact", "this run measured no such case", "Kim 2014"),
    ]
    return pd.DataFrame(rows, columns=["verdict", "scope", "remark", "source"])


def test_every_claim_is_counted_once(judged):
    counts = count_by_paper(judged)
    assert list(counts.columns) == list(OUTCOMES) and list(counts.index) == [
        "Kim 2014",
        "Doe et al. 2020",
    ]
    assert counts.loc["Kim 2014"].tolist() == [1, 1, 0, 3]
    assert counts.loc["Doe et al. 2020"].tolist() == [0, 1, 1, 0]
    assert count_by_paper(judged.head(0)).empty


def test_a_claim_that_fails_does_so_in_either_scope():
    assert outcome("fails", "exact") == outcome("fails", "qualitative") == "fails"


def test_reasons_are_the_same_whatever_was_found_instead(judged):
    assert reasons(judged) == {"needs data x": 2, "this run measured no such case": 1}


def test_empty_remarks_and_the_word_none_stay_text(tmp_path):
    path = tmp_path / "claims.csv"
    path.write_text(
        "claim,verdict,lowest,highest,expected,n_cases,remark,scope,source\n"
        "None,holds,,1.5,> 0,1,,exact,Hesse et al. 2021\n"
    )
    read = read_verdicts(path)
    assert read.loc[0, "claim"] == "None" and read.loc[0, "remark"] == ""
    assert pd.isna(read.loc[0, "lowest"]) and read.loc[0, "highest"] == 1.5


def with_numbers(judged, n_failing=0):
    more = judged[judged["verdict"] == "fails"]
    table = pd.concat([judged, *[more] * n_failing], ignore_index=True)
    return table.assign(
        claim=[f"Claim {number} " + "of many words " * 30 for number in range(len(table))],
        lowest=1.0, highest=2.0, expected="> 0", n_cases=3,
    )  # fmt: skip


def test_the_verdicts_fit_on_one_screen(judged):
    lines = summary(with_numbers(judged, n_failing=40)).splitlines()
    assert len(lines) <= 40 and max(map(len, lines)) <= 79
    assert lines[0] == "47 claims:" and "and 33 more fail" in lines
    assert lines[2].split() == ["Kim", "2014", "1", "1", "0", "3"]
    assert lines[4].split() == ["all", "1", "2", "41", "3"]
    text = " ".join(lines)
    assert "fails (exact, measured 1 to 2, expected > 0): Claim 3 of many words" in text
    assert "not testable here (2): needs data x" in text


def test_a_run_without_claims_has_no_verdicts(judged):
    assert summary(judged.head(0)) == "No claim is about the tables of this run."


def test_only_exact_claims_are_strict(judged):
    table = with_numbers(judged)
    assert [claim[:7] for claim in failing_exactly(table)] == ["Claim 3"]
    assert failing_exactly(table.assign(scope="qualitative")) == []


def test_the_program_prints_them_or_says_what_to_do(judged, tmp_path, capsys):
    path = tmp_path / "claims.csv"
    with pytest.raises(SystemExit, match=r"claims\.csv does not exist: run snakemake"):
        main([str(path)])
    with_numbers(judged).to_csv(path, index=False)
    main([str(path)])
    assert capsys.readouterr().out.startswith("7 claims:\n")
