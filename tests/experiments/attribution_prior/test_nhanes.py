"""Readers of the NHANES I tables: real files where there are some, small ones of known content."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments.attribution_prior.nhanes import MortalityTable, nhanes, nhanes18, nhefs
from experiments.data import fetch_dataset, load_table

DEATH = ["yrdth", "modth", "dadth"]
OF_1982 = ["qsmk", "sbp", "dbp", "wt82", "wt82_71", "smkintensity82_71", "censored"]
PRICES_1982 = ["hightax82", "price82", "tax82", "price71_82", "tax71_82"]
LATER = DEATH + OF_1982 + PRICES_1982
OTHERS = ["seqn", "id", "older", "education", "birthplace"]


def drop(*columns: str) -> list[dict[str, str]]:
    return [{"column": column, "reason": f"no {column}"} for column in columns]


# --- NHEFS --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def nhefs_path() -> Path:
    spec = importlib.util.find_spec("causaldata")
    if spec is None:
        pytest.skip("needs the Python package causaldata")
    return Path(spec.submodule_search_locations[0]) / "nhefs" / "nhefs.dta"


@pytest.fixture(scope="module")
def raw(nhefs_path: Path) -> pd.DataFrame:
    return pd.read_stata(nhefs_path, convert_categoricals=False)


@pytest.fixture(scope="module")
def table(nhefs_path: Path) -> MortalityTable:
    return nhefs(nhefs_path, drop(*LATER, *OTHERS))


def test_nhefs_holds_everyone_and_their_death(table: MortalityTable, raw: pd.DataFrame) -> None:
    assert table.features.shape == (1629, 53)
    assert table.labels.sum() == raw["yrdth"].notna().sum() == 318
    np.testing.assert_array_equal(table.labels == 1, raw["yrdth"].notna())
    assert table.name == "nhefs" and table.excluded == {}
    assert table.dropped["wt82"] == "no wt82" and len(table.dropped) == 20


def test_nhefs_features_are_columns_of_1971(table: MortalityTable, raw: pd.DataFrame) -> None:
    assert not {"death", *LATER, *OTHERS}.intersection(table.feature_names)
    for name in ("age", "wt71", "pregnancies", "cholesterol", "tax71"):
        column = table.features[:, table.feature_names.index(name)]
        np.testing.assert_array_equal(column, raw[name].to_numpy(dtype=float))
    # Every other column of the file is there, whole or as indicators.
    named = {name.partition("=")[0] for name in table.feature_names}
    assert named == set(raw.columns) - {"death", *LATER, *OTHERS}


def test_nhefs_codes_are_the_documented_ones(table: MortalityTable, raw: pd.DataFrame) -> None:
    # The file stores 1, 2, ... with the codes 0, 1, ... as value labels.
    for name in ("sex", "race", "active", "exercise"):
        column = table.features[:, table.feature_names.index(name)]
        np.testing.assert_array_equal(column, raw[name].to_numpy() - 1.0)


def test_nhefs_codes_for_missing_become_nan(table: MortalityTable, raw: pd.DataFrame) -> None:
    halves = ("hbp", "diabetes", "pica", "hbpmed", "boweltrouble", "birthcontrol")
    missing = dict.fromkeys(halves, 2) | {"alcoholpy": 2, "alcoholfreq": 5}
    for name, code in missing.items():
        column = table.features[:, table.feature_names.index(name)]
        np.testing.assert_array_equal(np.isnan(column), raw[name] == code)
        assert np.nanmax(column) == code - 1
    # A 2 of a count or of an ordered code is a value.
    for name in ("exercise", "pregnancies"):
        assert (table.features[:, table.feature_names.index(name)] == 2).any()


def test_nhefs_unordered_codes_become_indicators(table: MortalityTable, raw: pd.DataFrame) -> None:
    for name, codes in (("marital", (2, 3, 4, 5, 6)), ("alcoholtype", (1, 2, 3, 4))):
        columns = [table.feature_names.index(f"{name}={code}") for code in codes]
        indicators = table.features[:, columns]
        unknown = raw[name] == 8
        assert np.isnan(indicators).all(axis=1).sum() == unknown.sum()
        np.testing.assert_array_equal(indicators[~unknown] @ np.array(codes), raw[name][~unknown])
        assert set(np.unique(indicators[~unknown])) == {0.0, 1.0}
    assert "marital=8" not in table.feature_names and (raw["marital"] == 8).any()


def test_nhefs_keeps_what_is_not_dropped(nhefs_path: Path, raw: pd.DataFrame) -> None:
    table = nhefs(nhefs_path, drop(*LATER))
    assert {"seqn", "id", "older", "education"} < set(table.feature_names)
    states = [name for name in table.feature_names if name.startswith("birthplace=")]
    assert len(states) == raw["birthplace"].nunique()
    unknown = np.isnan(table.features[:, table.feature_names.index(states[0])])
    np.testing.assert_array_equal(unknown, raw["birthplace"].isna())


@pytest.mark.parametrize("leak", LATER)
def test_nhefs_refuses_to_keep_what_leaks(nhefs_path: Path, leak: str) -> None:
    with pytest.raises(ValueError, match=f"^{leak}: known only in 1982 or at death"):
        nhefs(nhefs_path, drop(*(name for name in LATER if name != leak)))


def test_nhefs_has_no_other_column_labelled_1982(nhefs_path: Path) -> None:
    with pd.io.stata.StataReader(nhefs_path) as reader:
        labels = reader.variable_labels()
    later = {name for name, label in labels.items() if "1982" in label}
    assert later and later <= set(LATER)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        (drop("nosuch"), "no column nosuch"),
        (drop("age", "age"), "age is dropped twice"),
        (drop("death"), "death is the label"),
        ([{"column": "age"}], "needs a column and a reason"),
        ([{"column": "age", "reason": " "}], "needs a column and a reason"),
        ([{"column": "age", "reason": "old", "why": "x"}], "needs a column and a reason"),
    ],
)
def test_nhefs_refuses_a_bad_list(nhefs_path: Path, entries: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        nhefs(nhefs_path, [*drop(*LATER), *entries])


def test_nhefs_refuses_another_table(tmp_path: Path) -> None:
    pd.DataFrame({"age": [1.0, 2.0]}).to_stata(tmp_path / "other.dta")
    with pytest.raises(ValueError, match=r"other\.dta has no column death"):
        nhefs(tmp_path / "other.dta", [])


# --- the table of the published experiment ------------------------------------------------------


def published_files(
    folder: Path, labels: np.ndarray, features: str = "i,age,bmi\n5,30,\n7,41,22.5\n8,50,20\n"
) -> tuple[Path, Path]:
    (folder / "X.csv").write_text(features)
    np.save(folder / "y.npy", labels)
    return folder / "X.csv", folder / "y.npy"


@pytest.mark.parametrize(
    "labels",
    [np.array([0, 1, 1]), np.array([[0.0], [1.0], [1.0]]), np.array([False, True, True])],
)
def test_nhanes_is_read_as_published(tmp_path: Path, labels: np.ndarray) -> None:
    table = nhanes(*published_files(tmp_path, labels))
    assert table.feature_names == ("age", "bmi"), "the index is no feature"
    np.testing.assert_array_equal(table.features, [[30, np.nan], [41, 22.5], [50, 20]])
    assert table.labels.dtype == np.int64 and table.labels.tolist() == [0, 1, 1]


def test_nhanes_does_not_unpickle(tmp_path: Path) -> None:
    class Executed:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "executed",))

    features, labels = published_files(tmp_path, np.array([Executed()] * 3, dtype=object))
    with pytest.raises(ValueError, match=r"y\.npy is not a plain NumPy array"):
        nhanes(features, labels)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    ("labels", "features", "message"),
    [
        (np.array([0, 1]), None, r"shape \(2,\) for the 3 rows"),
        (np.array([[0, 1, 1]]), None, r"shape \(1, 3\)"),
        (np.array([0, 1, 2]), None, r"y\.npy: labels must be 0 or 1"),
        (np.array([0, 1, np.nan]), None, "labels must be 0 or 1"),
        (np.array([1, 1, 1]), None, "both must occur"),
        (np.array([0, 1, 1]), "i,age\n1,3\n2,x\n3,4\n", "column age holds .*, not numbers"),
        (np.array([0, 1, 1]), "i,age\n1,3\n2,inf\n3,4\n", "column age has an infinite"),
        (np.array([0, 1, 1]), "i,age,none\n1,3,\n2,1,\n3,4,\n", "none has no value at all"),
    ],
)
def test_nhanes_refuses(
    tmp_path: Path, labels: np.ndarray, features: str | None, message: str
) -> None:
    given = {} if features is None else {"features": features}
    with pytest.raises(ValueError, match=message):
        nhanes(*published_files(tmp_path, labels, **given))


# --- the 18-feature table -----------------------------------------------------------------------


def follow_up_files(
    folder: Path, years: list[float], rows: list[int] | None = None
) -> tuple[Path, Path]:
    index = list(range(len(years)))
    features = pd.DataFrame({"Age": [40.0 + i for i in index], "BMI": np.nan}, index=index)
    features.loc[1:, "BMI"] = 20.0
    follow_up = pd.DataFrame({"y": years}, index=index if rows is None else rows)
    features.to_csv(folder / "X.csv")
    follow_up.to_csv(folder / "y.csv")
    return folder / "X.csv", folder / "y.csv"


def test_nhanes18_labels_follow_the_signed_follow_up(tmp_path: Path) -> None:
    # dead early, dead at the end, dead later, seen later, seen at the end, lost early, undocumented
    years = [0.5, 10.0, 10.01, -12.0, -10.0, -9.99, 0.0]
    table = nhanes18(*follow_up_files(tmp_path, years))
    assert table.labels.tolist() == [1, 1, 0, 0, 0]
    assert table.features[:, 0].tolist() == [40, 41, 42, 43, 44]
    assert np.isnan(table.features[0, 1]) and table.feature_names == ("Age", "BMI")
    assert table.excluded == {"follow-up undocumented": 1, "censored within 10 years": 1}
    later = nhanes18(*follow_up_files(tmp_path, years), horizon=11.5)
    assert later.labels.tolist() == [1, 1, 1, 0]
    assert later.excluded["censored within 11.5 years"] == 2


def test_nhanes18_of_the_real_files(root: Path, tmp_path: Path) -> None:
    mirror = root.parent / "shared" / "data"
    if not (mirror / "nhanesi_shap.zip").exists():
        pytest.skip("needs nhanesi_shap.zip of the verification data kept beside the checkout")
    entry = load_table(root / "workflow" / "datasets.yaml")["nhanes18"]
    fetched = fetch_dataset(entry, tmp_path, mirror=str(mirror))
    assert all(file.source == f"mirror {mirror}/nhanesi_shap.zip" for file in fetched)
    table = nhanes18(*(file.path for file in fetched))
    assert table.features.shape == (9932 - 382 - 15, 18)
    assert list(table.excluded.values()) == [382, 15]
    assert table.labels.sum() == 1503
    ages = table.features[:, table.feature_names.index("Age")]
    assert ages[table.labels == 1].mean() > ages[table.labels == 0].mean() + 10


@pytest.mark.parametrize("horizon", [0.0, -1.0, float("nan")])
def test_nhanes18_refuses_a_bad_horizon(tmp_path: Path, horizon: float) -> None:
    with pytest.raises(ValueError, match="positive number of years"):
        nhanes18(*follow_up_files(tmp_path, [1.0, -20.0]), horizon)


def test_nhanes18_refuses_files_that_do_not_fit(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"y\.csv do not have the same rows"):
        nhanes18(*follow_up_files(tmp_path, [1.0, -20.0], rows=[0, 2]))
    with pytest.raises(ValueError, match="missing or infinite"):
        nhanes18(*follow_up_files(tmp_path, [1.0, -20.0, float("nan")]))
    features, follow_up = follow_up_files(tmp_path, [1.0, -20.0])
    with pytest.raises(ValueError, match="same rows"):
        nhanes18(features, features)
    follow_up.write_text(",y\n0,1.0\n1,gone\n")
    with pytest.raises(ValueError, match=r"y\.csv: column y holds .*, not numbers"):
        nhanes18(features, follow_up)
