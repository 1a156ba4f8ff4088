"""Simulated sequences, and the files that sequences and motifs are read from."""

from __future__ import annotations

import gzip
import math
from collections import Counter

import pytest
import torch

from experiments.genomics.sequences import encode, one_hot
from experiments.genomics.simulation import (
    BACKGROUND,
    read_names,
    read_pwm,
    read_simdata,
    simulate_sequences,
    with_pseudocount,
)
from tests.experiments.genomics.helpers import GATA, TAL, generator


def test_simulated_sequences_hold_their_motifs():
    simulated = simulate_sequences({"gata": GATA, "tal": TAL}, 300, generator=generator())
    assert simulated.sequences.shape == (1200, 200)
    assert simulated.labels.sum(0).tolist() == [300, 600, 600]
    assert simulated.names[0] == "empty_0"
    assert len(set(simulated.names)) == 1200
    motifs = {"gata": GATA.argmax(1), "tal": TAL.argmax(1)}
    counts: Counter = Counter()
    different = bases = 0
    for sequence, label, embedded in zip(
        simulated.sequences, simulated.labels, simulated.embeddings, strict=True
    ):
        numbers = Counter(name for name, _ in embedded)
        assert label.tolist() == [
            int(len(numbers) == 2),
            int("gata" in numbers),
            int("tal" in numbers),
        ]
        assert all(1 <= number <= 3 for number in numbers.values())
        counts.update(numbers.values())
        taken: set[int] = set()
        for name, start in embedded:
            places = set(range(start, start + len(motifs[name])))
            assert max(places) < 200
            assert not places & taken
            taken |= places
            different += int((sequence[start : start + len(places)] != motifs[name]).sum())
            bases += len(places)
    # The pseudocount makes three bases in four thousand another one than the motif's.
    assert 0 < different / bases < 0.003
    total = counts.total()
    expected = {1: 3867 / 8000, 2: 2722 / 8000, 3: 1411 / 8000}
    for number, share in expected.items():
        assert abs(counts[number] / total - share) < 4 * math.sqrt(share * (1 - share) / total)
    frequencies = one_hot(simulated.sequences[:300]).mean((0, 2))
    torch.testing.assert_close(frequencies, torch.tensor(BACKGROUND), atol=0.01, rtol=0)


def test_starts_are_uniform():
    simulated = simulate_sequences({"a": GATA, "b": GATA}, 400, 120, generator=generator())
    starts = torch.tensor([e[0][1] for e in simulated.embeddings if e], dtype=torch.float64)
    assert starts.min() == 0
    assert starts.max() == 110
    spread = 111 / math.sqrt(12)
    assert abs(starts.mean() - 55) < 4 * spread / math.sqrt(len(starts))


def test_simulation_depends_on_the_generator_alone():
    motifs = {"gata": GATA, "tal": TAL}
    first = simulate_sequences(
        motifs, 3, background=[0.27, 0.23, 0.23, 0.27], generator=generator()
    )
    torch.manual_seed(5)
    again = simulate_sequences(
        motifs, 3, background=[0.27, 0.23, 0.23, 0.27], generator=generator()
    )
    assert torch.equal(first.sequences, again.sequences)
    assert first.embeddings == again.embeddings


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"motifs": {"gata": GATA}}, "there must be two motifs, got 1"),
        (
            {"motifs": {"gata": GATA, "tal": 2 * TAL}},
            "position 0 .* not a probability distribution",
        ),
        ({"motifs": {"gata": GATA.T, "tal": TAL}}, r"shape \(length, 4\), got \(4, 10\)"),
        ({"length": 150}, "may not find room in 150"),
        ({"background": [0.5, 0.5, 0.5, -0.5]}, "not a probability distribution"),
    ],
)
def test_simulations_that_make_no_sense_are_an_error(changed, message):
    arguments = {"motifs": {"gata": GATA, "tal": TAL}, "n_per_class": 1}
    with pytest.raises(ValueError, match=message):
        simulate_sequences(**{**arguments, **changed})


def test_a_matrix_is_read_from_a_table(tmp_path):
    path = tmp_path / "pwm.csv"
    path.write_text("position,A,C,G,T,source\n0,0.1,0.2,0.3,0.4,here\n1,0,0,1,0,here\n")
    pwm = read_pwm(path)
    expected = torch.tensor([[0.1, 0.2, 0.3, 0.4], [0, 0, 1, 0]], dtype=torch.float64)
    assert torch.equal(pwm, expected)
    torch.testing.assert_close(with_pseudocount(pwm)[1, :3], pwm[1, :3] * 0.999 + 0.00025)
    path.write_text("position,A,C,G,T\n0,0.1,0.2,0.3,0.9\n")
    with pytest.raises(ValueError, match=r"pwm.csv: position 0"):
        read_pwm(path)
    path.write_text("position,A,C,G\n0,0.1,0.2,0.3\n")
    with pytest.raises(ValueError, match="needs the columns A, C, G, T"):
        read_pwm(path)


@pytest.mark.parametrize("compress", [gzip.compress, bytes])
def test_simulated_sequences_are_read_from_a_table(tmp_path, compress):
    path = tmp_path / "sequences.simdata.gz"
    table = (
        "seqName\tsequence\tembeddings\ttask1\ttask2\ttask3\n"
        "empty_1\tACGTA\t\t0\t0\t0\n"
        "both_1\tGATAC\tpos-0_GATA_disc1-GAT,pos-3_TAL1_known1-AC\t1\t1\t1\n"
    )
    path.write_bytes(compress(table.encode()))
    data = read_simdata(path)
    assert data.names == ["empty_1", "both_1"]
    assert torch.equal(data.sequences, encode(["ACGTA", "GATAC"]))
    assert data.labels.tolist() == [[0, 0, 0], [1, 1, 1]]
    assert data.embeddings == [[], [("GATA_disc1", 0), ("TAL1_known1", 3)]]
    assert read_simdata(path, ["both_1"]).sequences.tolist() == [[2, 0, 3, 0, 1]]
    with pytest.raises(ValueError, match=r"has no sequence 'both_2' \(1 are missing\)"):
        read_simdata(path, ["both_1", "both_2"])
    path.write_bytes(compress(b"a\tb\nc\td\n"))
    with pytest.raises(ValueError, match="six columns"):
        read_simdata(path)


def test_names_are_read_plain_or_compressed(tmp_path):
    path = tmp_path / "test.txt.gz"
    for content in (b"both_1\nempty_1\n", gzip.compress(b"both_1\nempty_1\n")):
        path.write_bytes(content)
        assert read_names(path) == ["both_1", "empty_1"]


def test_a_subset_keeps_what_belongs_together():
    data = simulate_sequences({"gata": GATA, "tal": TAL}, 2, generator=generator())
    part = data.subset([7, 2])
    assert part.names == ["gata_tal_1", "gata_only_0"]
    assert torch.equal(part.sequences, data.sequences[[7, 2]])
    assert part.labels.tolist() == [[1, 1, 1], [0, 1, 0]]
    assert part.embeddings == [data.embeddings[7], data.embeddings[2]]
