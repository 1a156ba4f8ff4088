"""The index of image files, and evenly spread positions."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.data.images import split_train_validation
from experiments.data.index import read_index, spread, write_index

ROWS = [("NA/a, b.jpg", 0), ('NA/"quoted".jpg', 0), ("é/null", 1), ("é/ü.png", 1), ("z/1", 2)]


@pytest.fixture
def index(tmp_path):
    path = tmp_path / "train.csv"
    write_index(path, ROWS, "data/train", {"class_names": ["NA", "é", "z"]})
    return read_index(path)


def test_reads_back_what_was_written(index):
    assert len(index) == 5 and index.folder == Path("data/train")
    assert [*zip(index.paths.tolist(), index.labels.tolist(), strict=True)] == ROWS
    assert index.labels.dtype == np.int64 and index.facts == {"class_names": ["NA", "é", "z"]}
    assert index.path(3) == Path("data/train/é/ü.png")


def test_the_file_is_a_plain_table(tmp_path, index):
    assert (tmp_path / "train.csv").read_text().splitlines()[:2] == [
        "path,label",
        '"NA/a, b.jpg",0',
    ]


def test_selection_and_pickling_keep_rows_together(index):
    chosen = pickle.loads(pickle.dumps(index.select([4, 0])))
    assert chosen.path(0) == Path("data/train/z/1") and chosen.labels.tolist() == [2, 0]
    assert chosen.facts == index.facts


def test_training_rows_are_split_by_class(tmp_path):
    rows = [(f"{label}/{number}", label) for label in range(3) for number in range(20)]
    write_index(tmp_path / "a.csv", rows, tmp_path, {})
    index = read_index(tmp_path / "a.csv")
    train, validation = split_train_validation(index.labels, 0.25, seed=1)
    held_out = index.select(validation)
    assert np.bincount(held_out.labels).tolist() == [5, 5, 5]
    assert not {*held_out.paths} & {*index.select(train).paths}


@pytest.mark.parametrize("damage", ["no table", "no facts", "label", "column", "no json"])
def test_refuses_what_is_no_index(tmp_path, index, damage):
    table, facts = tmp_path / "train.csv", tmp_path / "train.json"
    if damage == "no table":
        table.unlink()
    elif damage == "no facts":
        facts.unlink()
    elif damage == "label":
        table.write_text("path,label\na,one\n")
    elif damage == "column":
        table.write_text("file,label\na,1\n")
    else:
        facts.write_text("{")
    with pytest.raises(ValueError, match=r"train\.\w+ .*: delete train\.csv and train\.json there"):
        read_index(table)


@given(st.integers(1, 500), st.data())
def test_spread_positions_are_even(n_total, data):
    n = data.draw(st.integers(1, n_total))
    chosen = spread(n_total, n)
    assert len(chosen) == n and chosen[0] == 0 and chosen[-1] < n_total
    steps = np.diff([*chosen, n_total])
    # Either n_total / n rounded down or rounded up.
    assert set(steps) <= {n_total // n, -(-n_total // n)}
    assert spread(n_total, n_total) == list(range(n_total))


@pytest.mark.parametrize("n", [0, 6, -1])
def test_spread_refuses_other_numbers(n):
    with pytest.raises(ValueError, match=f"{n} images requested, but the data set has 5"):
        spread(5, n)
