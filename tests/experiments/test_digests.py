"""Equal contents have equal digests."""

from __future__ import annotations

import hashlib

import pytest
import torch
from safetensors.torch import save_file

from experiments.digests import digest_of


def test_of_a_file_all_bytes_count(tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes(b"a,b\n1,2\n")
    assert digest_of(path) == hashlib.sha256(b"a,b\n1,2\n").hexdigest()


def test_of_a_store_its_index_counts(tmp_path):
    (tmp_path / "index.json").write_text("{}")
    assert digest_of(tmp_path) == digest_of(tmp_path / "index.json")


@pytest.fixture
def tensors():
    return {"b": torch.arange(3.0), "a": torch.ones(2, 2, dtype=torch.bfloat16)}


def test_of_a_net_the_tensors_count_and_not_the_date(tmp_path, tensors):
    paths = [tmp_path / f"{number}.safetensors" for number in range(5)]
    for number, path in enumerate(paths):
        order = sorted(tensors, reverse=bool(number % 2))
        metadata = {"date": f"day {number}", **{f"key{k}": str(k) for k in range(9)}}
        save_file({name: tensors[name] for name in order}, str(path), metadata)
    assert len({digest_of(path) for path in paths}) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda t: {**t, "b": t["b"] + 1},
        lambda t: {**t, "b": t["b"].double()},
        lambda t: {**t, "a": t["a"].view(4)},
        lambda t: {"c": t["b"], "a": t["a"]},
        lambda t: {"a": t["a"]},
    ],
)
def test_every_part_of_a_tensor_counts(tmp_path, tensors, change):
    before, after = tmp_path / "before.safetensors", tmp_path / "after.safetensors"
    save_file(tensors, str(before))
    save_file(change(tensors), str(after))
    assert digest_of(before) != digest_of(after)
