"""The strongest hits of a motif, and how an attribution ranks them."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from experiments.genomics.motif_hits import MotifHits, find_motif_hits, log_odds, strongest_hits
from experiments.genomics.sequences import encode
from experiments.genomics.simulation import BACKGROUND
from tests.experiments.genomics.helpers import GATA, generator


def test_log_odds_are_sums_of_logarithms():
    pwm = torch.tensor([[0.5, 0.1, 0.2, 0.2], [0.0, 1.0, 0.0, 0.0]], dtype=torch.float64)
    sequence = "ACCGACT"
    result = log_odds(encode([sequence]), pwm)
    assert result.shape == (1, 6)
    for start in range(6):
        expected = 0.0
        for row, base in zip(pwm.tolist(), sequence[start : start + 2], strict=True):
            index = "ACGT".index(base)
            expected += math.log((row[index] * 0.999 + 0.00025) / BACKGROUND[index])
        assert result[0, start] == pytest.approx(expected, abs=1e-12)
    with pytest.raises(ValueError, match="shorter than the motif"):
        log_odds(encode(["A"]), pwm)


@given(
    rows=st.lists(
        st.lists(st.integers(-5, 5), min_size=30, max_size=30, unique=False), min_size=1, max_size=3
    ),
    width=st.integers(2, 9),
    exclusion=st.sampled_from(["official", "fixed"]),
)
def test_hits_are_taken_as_in_the_notebook(rows, width, exclusion):
    scores = torch.tensor(rows, dtype=torch.float64)
    hits = strongest_hits(scores, width, 4, exclusion)
    half = width // 2
    for row, found in zip(rows, hits.tolist(), strict=True):
        remaining = [float(score) for score in row]
        for start in found:
            assert start == max(range(30), key=lambda i: remaining[i])
            first = start - half
            if exclusion == "fixed":
                first = max(first, 0)
            # Python's own slices, which count negative numbers from the end.
            for i in range(30)[first : start + half - 1]:
                remaining[i] = -math.inf


def test_close_to_the_left_edge_the_official_hit_repeats():
    scores = torch.zeros(1, 30)
    scores[0, 2], scores[0, 20] = 9.0, 8.0
    assert strongest_hits(scores, 10, 3, "official").tolist() == [[2, 2, 2]]
    assert strongest_hits(scores, 10, 3, "fixed")[0, :2].tolist() == [2, 20]
    with pytest.raises(ValueError, match="unknown exclusion 'none'"):
        strongest_hits(scores, 10, 3, "none")


def test_importance_is_summed_over_the_motif():
    sequences = torch.randint(4, (2, 60), generator=generator())
    for row, start in ((0, 30), (1, 50)):
        sequences[row, start : start + 10] = GATA.argmax(1)
    importance = torch.arange(120.0).view(2, 60)
    hits = find_motif_hits(sequences, importance, GATA, n_hits=2)
    assert hits.start[:, 0].tolist() == [30, 50]
    best = sum(math.log(0.99925 / BACKGROUND["ACGT".index(base)]) for base in "GATAAGATAA")
    torch.testing.assert_close(hits.log_odds[:, 0], torch.tensor([best] * 2, dtype=torch.float64))
    assert hits.importance[:, 0].tolist() == [10 * 34.5, 10 * (60 + 54.5)]
    assert (hits.log_odds[:, 1] < hits.log_odds[:, 0]).all()
    with pytest.raises(ValueError, match="one value per position"):
        find_motif_hits(sequences, importance[:, 1:], GATA)


def test_false_negatives_are_strong_hits_without_positive_importance():
    hits = MotifHits(
        start=torch.zeros(2, 3, dtype=torch.long),
        log_odds=torch.tensor([[9.0, 7.0, 6.9], [8.0, 7.5, -math.inf]]),
        importance=torch.tensor([[1.0, 0.0, -1.0], [-0.1, 2.0, -5.0]]),
    )
    assert hits.n_strong() == 4
    assert hits.false_negative_percent() == 50.0
    assert hits.n_strong(8.5) == 1
    assert hits.false_negative_percent(8.5) == 0.0
    assert math.isnan(hits.false_negative_percent(10.0))
