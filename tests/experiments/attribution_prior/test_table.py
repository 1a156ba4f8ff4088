"""The reader of mortality tables: real files where there are some, small ones of known content."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from experiments.attribution_prior.table import MortalityTable, read_mortality
from experiments.data.catalogue import Dataset, DigestError, load_dataset
from experiments.data.fetch import fetch_dataset
from experiments.data.mortality_section import Mortality
from tests.experiments.data.helpers import DESCRIBED, NOWHERE, declare


def as_declared(folder: Path, *names: str, **section: Any) -> Dataset:
    """Declare files that are in a folder already."""
    files = tuple(declare(name, (folder / name).read_bytes()) for name in names)
    mortality = Mortality.model_validate(section)
    return Dataset(name="tiny", sources=(NOWHERE,), files=files, mortality=mortality, **DESCRIBED)


def sha256(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def digests(table: MortalityTable) -> tuple[str, str]:
    """Digests of the features, with -999 for every missing value, and of the labels."""
    return (
        sha256(np.where(np.isnan(table.features), -999.0, table.features)),
        sha256(table.labels),
    )


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
def nhefs(root: Path) -> Dataset:
    return load_dataset(root / "workflow/datasets/nhefs.yaml")


@pytest.fixture(scope="module")
def table(nhefs: Dataset, nhefs_path: Path) -> MortalityTable:
    return read_mortality(nhefs, nhefs_path.parent)


def changed(dataset: Dataset, **section: Any) -> Dataset:
    given = dataset.mortality.model_dump(mode="json") | section
    return dataset.model_copy(update={"mortality": Mortality.model_validate(given)})


def test_nhefs_is_what_the_experiments_have_used(table: MortalityTable) -> None:
    # Recorded with a reader that knew this one table, before the catalogue described tables.
    assert digests(table) == (
        "cf8ee04680c9e11bc9558abb491cb04af0419b0822ad3fce3981f06990938c0d",
        "5bc8056c8b938b53a05150d571bb6c500c6853452c6b5fcc7f3d811d8c969743",
    )
    names = hashlib.sha256("\n".join(table.feature_names).encode()).hexdigest()
    assert names == "8a5a31fcc24ec72ebf49bcfc90a9bd94f4705a77d178ab4bae787ab79a41aef3"
    assert list(table.dropped)[:3] == ["yrdth", "modth", "dadth"]
    assert list(table.dropped)[-5:] == ["seqn", "id", "older", "education", "birthplace"]


def test_nhefs_holds_everyone_and_their_death(table: MortalityTable, raw: pd.DataFrame) -> None:
    assert table.features.shape == (1629, 53)
    assert table.labels.sum() == raw["yrdth"].notna().sum() == 318
    np.testing.assert_array_equal(table.labels == 1, raw["yrdth"].notna())
    assert table.name == "nhefs" and table.excluded == {}
    assert table.dropped["wt82"] == "weight in 1982" and len(table.dropped) == 20


def test_nhefs_features_are_columns_of_1971(
    nhefs: Dataset, table: MortalityTable, raw: pd.DataFrame
) -> None:
    others = {"death", *nhefs.mortality.leaks, *nhefs.mortality.dropped}
    assert not others.intersection(table.feature_names)
    for name in ("age", "wt71", "pregnancies", "cholesterol", "tax71"):
        column = table.features[:, table.feature_names.index(name)]
        np.testing.assert_array_equal(column, raw[name].to_numpy(dtype=float))
    # Every other column of the file is there, whole or as indicators.
    named = {name.partition("=")[0] for name in table.feature_names}
    assert named == set(raw.columns) - others


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


def test_nhefs_keeps_what_is_not_dropped(
    nhefs: Dataset, nhefs_path: Path, raw: pd.DataFrame
) -> None:
    table = read_mortality(changed(nhefs, dropped={}), nhefs_path.parent)
    assert {"seqn", "id", "older", "education"} < set(table.feature_names)
    states = [name for name in table.feature_names if name.startswith("birthplace=")]
    assert len(states) == raw["birthplace"].nunique()
    unknown = np.isnan(table.features[:, table.feature_names.index(states[0])])
    np.testing.assert_array_equal(unknown, raw["birthplace"].isna())


def test_nhefs_has_no_other_column_labelled_1982(nhefs: Dataset, nhefs_path: Path) -> None:
    with pd.io.stata.StataReader(nhefs_path) as reader:
        labels = reader.variable_labels()
    later = {name for name, label in labels.items() if "1982" in label}
    leaks = set(nhefs.mortality.leaks)
    assert later and later <= leaks
    unlabelled = {"wt82_71", "smkintensity82_71", "tax82", "censored"}
    assert leaks - later == {"yrdth", "modth", "dadth", *unlabelled}


NOTHING: dict[str, Any] = {"leaks": {}, "dropped": {}, "missing_codes": {}, "nominal": []}


@pytest.mark.parametrize(
    ("section", "message"),
    [
        (
            {"leaks": {"nosuch": "x"}},
            "has no column nosuch, which mortality.leaks of nhefs",
        ),
        (
            {"dropped": {"nosuch": "x"}},
            "has no column nosuch, which mortality.dropped of nhefs",
        ),
        ({"nominal": ["nosuch"]}, "has no column nosuch, which mortality.nominal of nhefs.yaml"),
        ({"missing_codes": {"nosuch": 2}}, "has no column nosuch, which mortality.missing_codes"),
        (
            {"labels": {"column": "dead", "period": "ever"}},
            "has no column dead, which mortality.labels.column of nhefs.yaml names; did you mean",
        ),
        ({"labels": {"column": "age", "period": "ever"}}, "column age: labels must be 0 or 1"),
        (
            {"columns": ["death", "nosuch"], **NOTHING},
            "has no column nosuch, which mortality.columns of",
        ),
        (
            {"columns": ["death"], **NOTHING},
            "has columns that mortality.columns of nhefs.yaml lacks: active, age",
        ),
        ({"index_column": 999}, "cannot be read as a table, with mortality.index_column 999"),
    ],
)
def test_a_section_that_does_not_fit_the_file(
    nhefs: Dataset, nhefs_path: Path, section: dict[str, Any], message: str
) -> None:
    # Without the list of columns, with which it would have been refused before.
    with pytest.raises(ValueError, match=message) as raised:
        read_mortality(changed(nhefs, **{"columns": None, **section}), nhefs_path.parent)
    assert "nhefs.dta" in str(raised.value) and "\n" not in str(raised.value)


def test_the_bytes_that_are_read_are_verified(
    nhefs: Dataset, nhefs_path: Path, tmp_path: Path
) -> None:
    content = bytearray(nhefs_path.read_bytes())
    content[-1] ^= 1
    (tmp_path / "nhefs.dta").write_bytes(content)
    with pytest.raises(DigestError, match=r"nhefs\.dta is not the expected file"):
        read_mortality(nhefs, tmp_path)


def test_a_data_set_without_the_section_is_refused(root: Path, tmp_path: Path) -> None:
    mnist = load_dataset(root / "workflow/datasets/mnist.yaml")
    with pytest.raises(ValueError, match="data set mnist has no section 'mortality'"):
        read_mortality(mnist, tmp_path)


# --- a CSV file and an array of labels, as in the published experiment ---------------------------

FEATURES = "i,age,bmi\n5,30,\n7,41,22.5\n8,50,20\n"


def published(folder: Path, labels: np.ndarray, features: str = FEATURES) -> Dataset:
    (folder / "X.csv").write_text(features)
    np.save(folder / "y.npy", labels)
    form = {"file": "y.npy", "period": "within 10 years"}
    return as_declared(folder, "X.csv", "y.npy", table="X.csv", index_column=0, labels=form)


@pytest.mark.parametrize(
    "labels",
    [np.array([0, 1, 1]), np.array([[0.0], [1.0], [1.0]]), np.array([False, True, True])],
)
def test_an_array_of_labels(tmp_path: Path, labels: np.ndarray) -> None:
    table = read_mortality(published(tmp_path, labels), tmp_path)
    assert table.feature_names == ("age", "bmi"), "the index is no feature"
    np.testing.assert_array_equal(table.features, [[30, np.nan], [41, 22.5], [50, 20]])
    assert table.labels.dtype == np.int64 and table.labels.tolist() == [0, 1, 1]


def test_labels_are_not_unpickled(tmp_path: Path) -> None:
    class Executed:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "executed",))

    dataset = published(tmp_path, np.array([Executed()] * 3, dtype=object))
    with pytest.raises(ValueError, match=r"y\.npy is not a plain NumPy array"):
        read_mortality(dataset, tmp_path)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    ("labels", "features", "message"),
    [
        (np.array([0, 1]), FEATURES, r"shape \(2,\) for the 3 rows"),
        (np.array([[0, 1, 1]]), FEATURES, r"shape \(1, 3\)"),
        (np.array([0, 1, 2]), FEATURES, r"y\.npy: labels must be 0 or 1"),
        (np.array([0, 1, np.nan]), FEATURES, "labels must be 0 or 1"),
        (np.array([1, 1, 1]), FEATURES, "both must occur"),
        (np.array([0, 1, 1]), "i,age\n1,3\n2,x\n3,4\n", "column age holds .*, not numbers"),
        (np.array([0, 1, 1]), "i,age\n1,3\n2,inf\n3,4\n", "column age has an infinite"),
        (np.array([0, 1, 1]), "i,age,none\n1,3,\n2,1,\n3,4,\n", "none has no value at all"),
        (np.array([0, 1, 1]), 'i,age\n1,"3\n', r"X\.csv cannot be read as a table"),
    ],
)
def test_files_that_are_no_table(
    tmp_path: Path, labels: np.ndarray, features: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        read_mortality(published(tmp_path, labels, features), tmp_path)


# --- signed times of follow-up ------------------------------------------------------------------


def followed_up(
    folder: Path, years: list[float], rows: list[int] | None = None, horizon: float = 10.0
) -> Dataset:
    index = list(range(len(years)))
    features = pd.DataFrame({"Age": [40.0 + i for i in index], "BMI": np.nan}, index=index)
    features.loc[1:, "BMI"] = 20.0
    follow_up = pd.DataFrame({"y": years}, index=index if rows is None else rows)
    features.to_csv(folder / "X.csv")
    follow_up.to_csv(folder / "y.csv")
    return declared_follow_up(folder, horizon=horizon)


def declared_follow_up(folder: Path, column: str = "y", horizon: float = 10.0) -> Dataset:
    form = {"follow_up": "y.csv", "column": column, "horizon": horizon}
    return as_declared(folder, "X.csv", "y.csv", table="X.csv", index_column=0, labels=form)


def test_labels_follow_the_signed_follow_up(tmp_path: Path) -> None:
    # dead early, dead at the end, dead later, seen later, seen at the end, lost early, undocumented
    years = [0.5, 10.0, 10.01, -12.0, -10.0, -9.99, 0.0]
    dataset = followed_up(tmp_path, years)
    table = read_mortality(dataset, tmp_path)
    assert table.labels.tolist() == [1, 1, 0, 0, 0]
    assert table.features[:, 0].tolist() == [40, 41, 42, 43, 44]
    assert np.isnan(table.features[0, 1]) and table.feature_names == ("Age", "BMI")
    assert table.excluded == {"follow-up undocumented": 1, "censored within 10 years": 1}
    later = read_mortality(followed_up(tmp_path, years, horizon=11.5), tmp_path)
    assert later.labels.tolist() == [1, 1, 1, 0]
    assert later.excluded["censored within 11.5 years"] == 2
    assert dataset.mortality.labels.period == "within 10 years"


def test_nhanes18_of_the_real_files(root: Path, tmp_path: Path) -> None:
    mirror = root.parent / "shared" / "data"
    if not (mirror / "nhanesi_shap.zip").exists():
        pytest.skip("needs nhanesi_shap.zip of the verification data next to the checkout")
    entry = load_dataset(root / "workflow/datasets/nhanes18.yaml")
    fetched = fetch_dataset(entry, tmp_path, mirror=str(mirror))
    assert all(file.source == f"mirror {mirror}/nhanesi_shap.zip" for file in fetched)
    table = read_mortality(entry, tmp_path)
    assert table.features.shape == (9932 - 382 - 15, 18)
    assert list(table.excluded.values()) == [382, 15]
    assert table.labels.sum() == 1503
    ages = table.features[:, table.feature_names.index("Age")]
    assert ages[table.labels == 1].mean() > ages[table.labels == 0].mean() + 10
    # Recorded as for nhefs above.
    assert digests(table) == (
        "aaced5ecf3577c349be0133ca1bd151d50e44839d8011e8143f9afffefefeeb7",
        "4ab3b2c0649e065dfc6a4b89956dd1f3bc55832cd39786d56efb8d2f5c9b9448",
    )
    names = hashlib.sha256("\n".join(table.feature_names).encode()).hexdigest()
    assert names == "0a7f0512a85fc2c8ec6b7185bbc49267f015b21c421aafb1af051981a02a567f"


def test_a_follow_up_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"y\.csv do not have the same rows"):
        read_mortality(followed_up(tmp_path, [1.0, -20.0], rows=[0, 2]), tmp_path)
    with pytest.raises(ValueError, match="missing or infinite"):
        read_mortality(followed_up(tmp_path, [1.0, -20.0, float("nan")]), tmp_path)
    followed_up(tmp_path, [1.0, -20.0])
    with pytest.raises(ValueError, match="other columns than years"):
        read_mortality(declared_follow_up(tmp_path, column="years"), tmp_path)
    (tmp_path / "y.csv").write_text(",y\n0,1.0\n1,gone\n")
    with pytest.raises(ValueError, match=r"y\.csv: column y holds .*, not numbers"):
        read_mortality(declared_follow_up(tmp_path), tmp_path)
