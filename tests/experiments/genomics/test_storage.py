"""Sequences and motifs on disk, and the split of the sequences."""

from __future__ import annotations

import pytest
import torch

from experiments.files import load_tensors
from experiments.genomics.storage import load_sequences, save_sequences, split_sequences


def test_motifs_have_the_names_of_the_tables(motifs):
    assert {name: len(pwm) for name, pwm in motifs.items()} == {
        "GATA_disc1": 10,
        "TAL1_known1": 16,
    }


def test_splits_are_disjoint_and_complete():
    splits = split_sequences(50, {"validation": 7, "test": 12}, seed=3)
    assert {name: len(chosen) for name, chosen in splits.items()} == {
        "train": 31,
        "validation": 7,
        "test": 12,
    }
    assert sorted(torch.cat(list(splits.values())).tolist()) == list(range(50))
    again = split_sequences(50, {"validation": 7, "test": 12}, seed=3)
    assert all(torch.equal(splits[name], again[name]) for name in splits)
    other = split_sequences(50, {"validation": 7, "test": 12}, seed=4)
    assert not torch.equal(splits["test"], other["test"])


def test_sequences_come_back_as_they_were(tmp_path, simulated):
    path = tmp_path / "sequences.safetensors"
    save_sequences(path, simulated, {"test": torch.tensor([31, 0, 9])}, {"seed": 1})
    test = load_sequences(path, "test")
    expected = simulated.subset([31, 0, 9])
    assert torch.equal(test.sequences, expected.sequences)
    assert test.sequences.dtype == torch.int64
    assert torch.equal(test.labels, expected.labels)
    assert (test.names, test.embeddings) == (expected.names, expected.embeddings)
    assert load_tensors(path)[1] == {"seed": 1}
    with pytest.raises(ValueError, match="has no tensor 'split/train': delete it"):
        load_sequences(path, "train")
