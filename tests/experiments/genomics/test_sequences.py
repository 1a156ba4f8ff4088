"""Sequences as indices and one-hot codes, and shuffles that keep their dinucleotides."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from experiments.genomics.sequences import dinucleotide_shuffle, encode, one_hot
from tests.experiments.genomics.helpers import generator


def test_sequences_become_indices_and_one_hot_codes():
    sequences = encode(["ACGT", "ttga"])
    assert sequences.tolist() == [[0, 1, 2, 3], [3, 3, 2, 0]]
    code = one_hot(sequences)
    assert code.shape == (2, 4, 4)
    assert code.dtype == torch.float32
    assert torch.equal(code[0], torch.eye(4))
    assert torch.equal(code.argmax(1), sequences)
    assert one_hot(sequences[:, None], torch.float64).shape == (2, 1, 4, 4)


@pytest.mark.parametrize(
    ("sequences", "message"),
    [
        (["ACGT", "ACNT"], "sequence 1 has 'N' at position 2"),
        (["AC€T"], "sequence 0 has '€' at position 2"),
        (["ACGT", "ACG"], "sequence 1 has 3 bases, sequence 0 has 4"),
        ([], "no sequences"),
    ],
)
def test_other_letters_and_lengths_are_an_error(sequences, message):
    with pytest.raises(ValueError, match=message):
        encode(sequences)


def pairs(sequence: torch.Tensor) -> Counter:
    return Counter(itertools.pairwise(sequence.tolist()))


@given(
    sequence=st.lists(st.integers(0, 3), min_size=1, max_size=40),
    other=st.lists(st.integers(0, 3), min_size=40, max_size=40),
    seed=st.integers(0, 99),
)
def test_shuffles_keep_pairs_and_ends(sequence, other, seed):
    sequences = torch.tensor([sequence, other[: len(sequence)]])
    shuffled = dinucleotide_shuffle(sequences, 3, generator(seed))
    assert shuffled.shape == (2, 3, len(sequence))
    for original, shuffles in zip(sequences, shuffled, strict=True):
        for shuffle in shuffles:
            assert pairs(shuffle) == pairs(original)
            assert (shuffle[0], shuffle[-1]) == (original[0], original[-1])


def test_all_shuffles_are_equally_likely():
    sequence = encode(["ACAGATACGA"])
    inner = sequence[0, 1:-1].tolist()
    possible = {
        (0, *order, 0)
        for order in set(itertools.permutations(inner))
        if pairs(torch.tensor([0, *order, 0])) == pairs(sequence[0])
    }
    assert len(possible) > 10
    n_draws = 400 * len(possible)
    counts = Counter(map(tuple, dinucleotide_shuffle(sequence, n_draws, generator())[0].tolist()))
    assert set(counts) == possible
    # Chi-square with k - 1 degrees of freedom: mean k - 1, variance 2 (k - 1).
    chi_square = sum((count - 400) ** 2 / 400 for count in counts.values())
    freedom = len(possible) - 1
    assert abs(chi_square - freedom) < 4 * math.sqrt(2 * freedom)
