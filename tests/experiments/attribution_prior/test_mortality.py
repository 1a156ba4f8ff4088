"""The table of the prior experiment: the one asked for, or the fallback, and never silently."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import numpy as np
import pytest
import yaml

from experiments.attribution_prior.mortality import (
    fetch_table,
    read_table,
    table_facts,
    write_table,
)
from experiments.attribution_prior.nhanes import MortalityTable
from experiments.data import DataFile, ExternalDataset, FetchError, Source, load_table

FEATURES = b",age,bmi\n0,30,\n1,41,22.5\n2,50,20\n"
HORIZON = 10.0


def git_blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


@pytest.fixture
def labels(tmp_path) -> bytes:
    np.save(tmp_path / "labels.npy", np.array([0, 1, 1]))
    return (tmp_path / "labels.npy").read_bytes()


@pytest.fixture
def external(root, labels) -> dict[str, ExternalDataset]:
    """The table of external files with other files for nhanes, which nobody serves."""
    files = (
        DataFile("X_sparsity.csv", git_blob=git_blob(FEATURES)),
        DataFile("y_sparsity.npy", git_blob=git_blob(labels)),
    )
    nowhere = (Source("url", "file:///no/such/folder/{name}"),)
    nhanes = ExternalDataset("nhanes", "", "https://example.org", "", "", nowhere, files, "nhanes")
    return {**load_table(root / "workflow/datasets.yaml"), "nhanes": nhanes}


@pytest.fixture
def drop(root) -> list[dict[str, str]]:
    config = yaml.safe_load((root / "config.yaml").read_text())
    return config["attribution_prior"]["nhefs"]["drop"]


@pytest.fixture
def mirror(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "mirror" / "nhanes"
    folder.mkdir(parents=True)
    monkeypatch.setenv("XGRADIENT_MIRROR", str(folder.parent))
    return folder


def test_the_table_that_was_asked_for(external, drop, mirror, labels, tmp_path, caplog):
    (mirror / "X_sparsity.csv").write_bytes(FEATURES)
    (mirror / "y_sparsity.npy").write_bytes(labels)
    fetched = fetch_table(external, "nhanes", "nhefs", tmp_path / "data", drop, HORIZON)
    facts = table_facts(fetched, "nhanes")
    assert (facts["dataset"], facts["requested_dataset"]) == ("nhanes", "nhanes")
    assert facts["fallback_reason"] is None and "fallback" not in caplog.text
    assert (facts["n_rows"], facts["n_deaths"], facts["n_features"]) == (3, 2, 2)
    assert [file["digest"] for file in facts["files"]] == [
        f"git_blob:{git_blob(FEATURES)}",
        f"git_blob:{git_blob(labels)}",
    ]
    assert not (tmp_path / "data" / "nhefs").exists()


@pytest.mark.parametrize("wrong", [None, FEATURES + b"3,60,21\n"])
def test_the_fallback_is_named_and_warned_of(
    external, drop, mirror, labels, tmp_path, caplog, wrong
):
    caplog.set_level(logging.WARNING)
    (mirror / "y_sparsity.npy").write_bytes(labels)
    if wrong is not None:
        (mirror / "X_sparsity.csv").write_bytes(wrong)
    fetched = fetch_table(external, "nhanes", "nhefs", tmp_path / "data", drop, HORIZON)
    facts = table_facts(fetched, "nhanes")
    assert (facts["dataset"], facts["requested_dataset"]) == ("nhefs", "nhanes")
    assert "X_sparsity.csv" in facts["fallback_reason"]
    assert (facts["n_rows"], facts["n_features"]) == (1629, 53)
    assert set(facts["dropped_columns"]) == {entry["column"] for entry in drop}
    (warning,) = [r for r in caplog.records if r.name == "experiments.attribution_prior.mortality"]
    assert "nhanes cannot be had" in warning.getMessage() and "nhefs" in warning.getMessage()


def test_without_a_fallback_what_cannot_be_had_stops(external, drop, mirror, tmp_path):
    with pytest.raises(FetchError, match="nhanes: no source delivered every file"):
        fetch_table(external, "nhanes", None, tmp_path / "data", drop, HORIZON)
    assert not (tmp_path / "data" / "nhefs").exists()


def test_a_fallback_that_cannot_be_had_stops(external, drop, mirror, tmp_path):
    nhefs = external["nhefs"]
    broken = {**external, "nhefs": external["nhanes"].__class__(**{**vars(nhefs), "sources": ()})}
    with pytest.raises(FetchError, match="nhefs: no source"):
        fetch_table(broken, "nhanes", "nhefs", tmp_path / "data", drop, HORIZON)


def test_a_column_without_any_value_is_named(external, drop, mirror, labels, tmp_path):
    content = b",age,bmi\n0,30,\n1,41,\n2,50,\n"
    files = (DataFile("X_sparsity.csv", git_blob=git_blob(content)), external["nhanes"].files[1])
    changed = {
        **external,
        "nhanes": ExternalDataset(**{**vars(external["nhanes"]), "files": files}),
    }
    (mirror / "X_sparsity.csv").write_bytes(content)
    (mirror / "y_sparsity.npy").write_bytes(labels)
    with pytest.raises(ValueError, match="column bmi has no value at all"):
        fetch_table(changed, "nhanes", "nhefs", tmp_path / "data", drop, HORIZON)


def test_the_shipped_drop_table_leaves_53_features(root, drop, tmp_path, monkeypatch):
    monkeypatch.delenv("XGRADIENT_MIRROR", raising=False)
    external = load_table(root / "workflow/datasets.yaml")
    fetched = fetch_table(external, "nhefs", None, tmp_path, drop, HORIZON)
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
