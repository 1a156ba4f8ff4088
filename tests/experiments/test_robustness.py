"""Verdicts over several runs."""

from __future__ import annotations

import math

import pandas as pd
import pytest
import yaml

from experiments.claim_list import Expectation
from experiments.robustness import main, margin, over_runs

COLUMNS = ["claim", "verdict", "lowest", "highest", "expected", "n_cases", "remark", "scope"]


@pytest.mark.parametrize(
    ("expect", "lowest", "highest", "distance"),
    [
        ({"at_least": 90}, 91.5, 95, 1.5),
        ({"more_than": 90}, 89, 95, -1),
        ({"at_most": 2}, 0, 1.5, 0.5),
        ({"less_than": 0}, -3, -1, 1),
        ({"within": 0.5}, -0.4, 0.1, 0.1),
        ({"at_least": 0.1, "at_most": 10}, 2, 9, 1),
        ({"equals": 0}, 0, 0, math.nan),
    ],
)
def test_distance_from_the_nearest_bound(expect, lowest, highest, distance):
    assert margin(Expectation(**expect), lowest, highest) == pytest.approx(distance, nan_ok=True)


@pytest.fixture
def files(tmp_path):
    """A list of two claims, and the verdicts of three runs on them."""
    common = {"source": "Us 2021", "table": "accuracy", "rows": {}, "column": "top1"}
    claims = [
        {"claim": "Good.", "scope": "qualitative", "expect": {"at_least": 90}, **common},
        {"claim": "Never tested.", "scope": "exact", "expect": {"within": 1}, **common},
    ]
    (tmp_path / "claims.yaml").write_text(yaml.safe_dump(claims), encoding="utf-8")
    rows = [("holds", 92.0, 95.0), ("fails", 89.5, 93.0), ("not testable here", "", "")]
    for seed, (verdict, lowest, highest) in enumerate(rows):
        run = [["Good.", verdict, lowest, highest, "≥ 90", 2, "", "qualitative", "Us 2021"]]
        run += [["Never tested.", "not testable here", "", "", "± 1", 0, "", "exact", "Us 2021"]]
        frame = pd.DataFrame(run, columns=[*COLUMNS, "source"])
        frame.to_csv(tmp_path / f"{seed}.csv", index=False)
    return tmp_path


def test_runs_are_counted_and_their_extremes_kept(files):
    found = over_runs([files / f"{seed}.csv" for seed in range(3)], files / "claims.yaml")
    (row,) = found.to_dict("records")
    assert row["claim"] == "Good."
    assert (row["n_runs"], row["n_hold"]) == (2, 1)
    assert (row["lowest"], row["highest"], row["margin"]) == (89.5, 95.0, -0.5)


def test_the_table_is_written(files, monkeypatch):
    monkeypatch.setattr("experiments.robustness.over_runs.__defaults__", (files / "claims.yaml",))
    main([str(files / "0.csv"), "--output", str(files / "tables/margins.csv")])
    assert pd.read_csv(files / "tables/margins.csv").loc[0, "margin"] == 2.0
    (files / "file").touch()
    with pytest.raises(SystemExit, match="file"):
        main([str(files / "0.csv"), "--output", str(files / "file/margins.csv")])


def test_a_missing_table_is_one_line(tmp_path):
    with pytest.raises(SystemExit, match=r"claims\.csv"):
        main([str(tmp_path / "claims.csv"), "--output", str(tmp_path / "margins.csv")])
