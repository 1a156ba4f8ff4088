"""The table of the prior experiment: the one asked for, or the fallback, and never silently."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import numpy as np
import pytest

from experiments.attribution_prior.mortality import (
    fetch_table,
    read_table,
    table_facts,
    write_table,
)
from experiments.attribution_prior.table import MortalityTable
from experiments.data.catalogue import DataFile, Dataset, load_dataset
from experiments.data.fetch import FetchError
from experiments.data.sources import UrlSource

FEATURES = b",age,bmi\n0,30,\n1,41,22.5\n2,50,20\n"


def git_blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


@pytest.fixture
def labels(tmp_path) -> bytes:
    np.save(tmp_path / "labels.npy", np.array([0, 1, 1]))
    return (tmp_path / "labels.npy").read_bytes()


@pytest.fixture
def nhefs(root) -> Dataset:
    return load_dataset(root / "workflow/datasets/nhefs.yaml")


def other_files(root, features: bytes, labels: bytes) -> Dataset:
    """Return the entry of nhanes with other files, which nobody serves."""
    files = (
        DataFile(name="X_sparsity.csv", git_blob=git_blob(features)),
        DataFile(name="y_sparsity.npy", git_blob=git_blob(labels)),
    )
    nowhere = (UrlSource(url="file:///no/such/folder/{name}"),)
    entry = load_dataset(root / "workflow/datasets/nhanes.yaml")
    return entry.model_copy(update={"files": files, "sources": nowhere})


@pytest.fixture
def nhanes(root, labels) -> Dataset:
    return other_files(root, FEATURES, labels)


@pytest.fixture
def mirror(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "mirror" / "nhanes"
    folder.mkdir(parents=True)
    monkeypatch.setenv("XGRADIENT_MIRROR", str(folder.parent))
    return folder


def test_the_table_that_was_asked_for(nhanes, nhefs, mirror, labels, tmp_path, caplog):
    (mirror / "X_sparsity.csv").write_bytes(FEATURES)
    (mirror / "y_sparsity.npy").write_bytes(labels)
    fetched = fetch_table(nhanes, nhefs, tmp_path / "data")
    facts = table_facts(fetched, "nhanes")
    assert (facts["dataset"], facts["requested_dataset"]) == ("nhanes", "nhanes")
    assert facts["fallback_reason"] is None and "fallback" not in caplog.text
    assert (facts["n_rows"], facts["n_deaths"], facts["n_features"]) == (3, 2, 2)
    assert facts["period"] == "within 10 years" and facts["note"] is None
    assert [file["digest"] for file in facts["files"]] == [
        f"git_blob:{git_blob(FEATURES)}",
        f"git_blob:{git_blob(labels)}",
    ]
    assert not (tmp_path / "data" / "nhefs").exists()


@pytest.mark.parametrize("wrong", [None, FEATURES + b"3,60,21\n"])
def test_the_fallback_is_named_and_warned_of(
    nhanes, nhefs, mirror, labels, tmp_path, caplog, wrong
):
    caplog.set_level(logging.WARNING)
    (mirror / "y_sparsity.npy").write_bytes(labels)
    if wrong is not None:
        (mirror / "X_sparsity.csv").write_bytes(wrong)
    fetched = fetch_table(nhanes, nhefs, tmp_path / "data")
    facts = table_facts(fetched, "nhanes")
    assert (facts["dataset"], facts["requested_dataset"]) == ("nhefs", "nhanes")
    assert "X_sparsity.csv" in facts["fallback_reason"]
    assert (facts["n_rows"], facts["n_features"]) == (1629, 53)
    assert facts["dropped_columns"] == nhefs.mortality.not_features
    assert facts["period"] == "from 1983 to 1992" and "alive in 1982" in facts["note"]
    (warning,) = [r for r in caplog.records if r.name == "experiments.attribution_prior.mortality"]
    said = "could not fetch nhanes; using attribution_prior.fallback: nhefs"
    assert warning.getMessage().startswith(said)


def test_without_a_fallback_what_cannot_be_had_stops(nhanes, nhefs, mirror, tmp_path):
    with pytest.raises(FetchError, match="nhanes: no source delivered every file"):
        fetch_table(nhanes, None, tmp_path / "data")
    assert not (tmp_path / "data" / "nhefs").exists()


def test_a_fallback_that_cannot_be_had_stops(nhanes, nhefs, mirror, tmp_path):
    broken = nhefs.model_copy(update={"sources": ()})
    with pytest.raises(FetchError, match="nhefs: not published anywhere"):
        fetch_table(nhanes, broken, tmp_path / "data")


def test_a_column_without_any_value_is_named(root, nhefs, mirror, labels, tmp_path):
    content = b",age,bmi\n0,30,\n1,41,\n2,50,\n"
    changed = other_files(root, content, labels)
    (mirror / "X_sparsity.csv").write_bytes(content)
    (mirror / "y_sparsity.npy").write_bytes(labels)
    with pytest.raises(ValueError, match="column bmi has no value at all"):
        fetch_table(changed, nhefs, tmp_path / "data")


def test_the_shipped_entry_leaves_53_features(nhefs, tmp_path, monkeypatch):
    monkeypatch.delenv("XGRADIENT_MIRROR", raising=False)
    fetched = fetch_table(nhefs, None, tmp_path)
    assert fetched.table.features.shape == (1629, 53) and fetched.table.labels.sum() == 318
    assert fetched.reason is None and fetched.files[0].source == "python causaldata"


def test_a_table_comes_back_to_the_last_bit(tmp_path):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(50, 4)) * 10.0 ** rng.integers(-12, 12, (50, 4))
    features[rng.random(features.shape) < 0.2] = np.nan
    labels = rng.integers(0, 2, 50)
    table = MortalityTable("tiny", features, labels, ("a", "b,c", 'd "e"', "marital=2"))
    write_table(tmp_path / "table.csv", table)
    read, read_labels, names = read_table(tmp_path / "table.csv")
    np.testing.assert_array_equal(read, features)
    np.testing.assert_array_equal(read_labels, labels)
    assert names == table.feature_names
    clash = MortalityTable("tiny", features[:, :1], labels, ("died",))
    with pytest.raises(ValueError, match="tiny: a feature is named died"):
        write_table(tmp_path / "clash.csv", clash)
