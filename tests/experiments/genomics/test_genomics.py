"""Simulated genomics: sequences, shuffles, motif hits, and the published results."""

from __future__ import annotations

import copy
import csv
import gzip
import itertools
import math
from collections import Counter
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from experiments.genomics.motif_hits import MotifHits, find_motif_hits, log_odds, strongest_hits
from experiments.genomics.network import (
    GENOMICS_METHODS,
    MULTIREFERENCE,
    background_reference,
    load_genomics_convnet,
    position_importance,
    shuffled_references,
)
from experiments.genomics.sequences import dinucleotide_shuffle, encode, one_hot
from experiments.genomics.simulation import (
    BACKGROUND,
    read_names,
    read_pwm,
    read_simdata,
    simulate_sequences,
    with_pseudocount,
)
from experiments.genomics.training import predict, task_auroc, train_genomics_convnet
from experiments.networks.keras_weights import KerasWeightsError
from xgradient.models import genomics_convnet

SHARED = Path(__file__).resolve().parents[4] / "shared"
RELEASED = SHARED / "data" / "deeplift_genomics"
needs_released = pytest.mark.skipif(
    not RELEASED.exists(), reason="the verification data kept beside the checkout is missing"
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def consensus(letters: str) -> torch.Tensor:
    """A motif that is one sequence."""
    return one_hot(encode([letters]), torch.float64)[0].T


# --- sequences -----------------------------------------------------------------------------------


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


def test_shuffled_references_are_one_hot_and_repeatable():
    sequences = torch.randint(4, (3, 50), generator=generator())
    references = shuffled_references(sequences, 4, generator(1))
    assert len(references) == 4
    assert all(reference.shape == (3, 4, 50) for reference in references)
    assert all((reference.sum(1) == 1).all() for reference in references)
    assert not torch.equal(references[0], references[1])
    again = shuffled_references(sequences, 4, generator(1))
    assert all(torch.equal(a, b) for a, b in zip(references, again, strict=True))


# --- simulation ----------------------------------------------------------------------------------

GATA, TAL = consensus("GATAAGATAA"), consensus("CCCAGATGTTTACCCC")


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
        ({"motifs": {"gata": GATA}}, "two motifs are needed, not 1"),
        ({"motifs": {"gata": GATA, "tal": 2 * TAL}}, "position 0 .* no probability distribution"),
        ({"motifs": {"gata": GATA.T, "tal": TAL}}, r"shape \(length, 4\), not \(4, 10\)"),
        ({"length": 150}, "may not find room in 150"),
        ({"background": [0.5, 0.5, 0.5, -0.5]}, "no probability distribution"),
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


# --- motif hits ----------------------------------------------------------------------------------


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


# --- network and attributions --------------------------------------------------------------------

SHAPES = {
    "conv1d_1": (11, 4, 50),
    "conv1d_2": (11, 50, 50),
    "dense_1": (50, 50),
    "dense_2": (50, 3),
}


def write_keras(path: Path, shapes: dict[str, tuple[int, ...]]) -> Path:
    draws = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        for layer, shape in shapes.items():
            scale = np.prod(shape[:-1]) ** -0.5
            file[f"{layer}/{layer}/kernel:0"] = draws.normal(0, scale, shape).astype(np.float32)
            file[f"{layer}/{layer}/bias:0"] = draws.normal(0, 0.1, shape[-1:]).astype(np.float32)
    return path


def keras_forward(path: Path, value: np.ndarray) -> np.ndarray:
    """The network as Keras computes it, channels last; value (length, 4)."""
    with h5py.File(path) as file:
        weights = {
            layer: [file[f"{layer}/{layer}/{kind}:0"][()] for kind in ("kernel", "bias")]
            for layer in SHAPES
        }
    for layer in ("conv1d_1", "conv1d_2"):
        kernel, bias = weights[layer]
        positions = range(len(value) - 10)
        value = np.stack([np.tensordot(value[i : i + 11], kernel, axes=2) for i in positions])
        value = np.maximum(value + bias, 0)
    hidden = value.mean(0) @ weights["dense_1"][0] + weights["dense_1"][1]
    return np.maximum(hidden, 0) @ weights["dense_2"][0] + weights["dense_2"][1]


def test_released_weights_are_converted(tmp_path):
    path = write_keras(tmp_path / "weights.h5", SHAPES)
    model = load_genomics_convnet(path).double()
    inputs = one_hot(torch.randint(4, (2, 200), generator=generator()), torch.float64)
    with torch.no_grad():
        logits = model(inputs).numpy()
    expected = np.stack([keras_forward(path, each.T.numpy()) for each in inputs])
    np.testing.assert_allclose(logits, expected, rtol=1e-9)
    with pytest.raises(KerasWeightsError, match="no layer 'dense_1'"):
        shapes = {name: shape for name, shape in SHAPES.items() if name != "dense_1"}
        load_genomics_convnet(write_keras(tmp_path / "short.h5", shapes))


def test_completeness_and_references_of_the_methods():
    torch.manual_seed(0)
    model = genomics_convnet().double().eval()
    inputs = one_hot(torch.randint(4, (3, 60), generator=generator()), torch.float64)
    reference, target = background_reference(), torch.tensor([0, 1, 2])
    assert reference.shape == (1, 4, 1)
    with torch.no_grad():
        at_reference = model(reference.double().expand(1, -1, 60))
        change = (model(inputs) - at_reference).gather(1, target[:, None])[:, 0]
    results = {name: f(model, inputs, reference, target) for name, f in GENOMICS_METHODS.items()}
    for name, result in results.items():
        assert result.shape == inputs.shape, name
        if "rescale" in name or "revealcancel" in name:
            torch.testing.assert_close(result.sum((1, 2)), change)
    # Times input is times the difference: the gradient of a base that is not there counts too.
    difference = inputs - reference
    point = inputs.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(model(point).gather(1, target[:, None]).sum(), point)
    torch.testing.assert_close(results["grad_times_inp"], gradient * difference)
    assert not torch.allclose(
        results["rescale_conv_revealcancel_fc"], results["revealcancel_all_layers"]
    )


def test_importance_is_the_sum_over_the_bases_in_any_batches():
    model = genomics_convnet().eval()
    sequences = torch.randint(4, (5, 40), generator=generator())
    for method, attribute in GENOMICS_METHODS.items():
        expected = attribute(model, one_hot(sequences), background_reference(), torch.full((5,), 1))
        found = position_importance(model, sequences, method, target=1, batch_size=2)
        torch.testing.assert_close(found, expected.sum(1))
    references = shuffled_references(sequences, 10, generator(3))
    target = torch.full((5,), 2)
    expected = GENOMICS_METHODS["rescale_conv_revealcancel_fc"](
        model, one_hot(sequences), references, target
    )
    found = position_importance(
        model, sequences, MULTIREFERENCE, 2, generator=generator(3), batch_size=2
    )
    torch.testing.assert_close(found, expected.sum(1))
    with pytest.raises(ValueError, match="unknown method 'rescale'"):
        position_importance(model, sequences, "rescale", 0)


def test_another_background_is_another_reference():
    model = genomics_convnet().eval()
    sequences = torch.randint(4, (2, 40), generator=generator())
    usual = position_importance(model, sequences, "rescale_all_layers", 0)
    other = position_importance(model, sequences, "rescale_all_layers", 0, (0.4, 0.1, 0.1, 0.4))
    assert not torch.allclose(usual, other)


# --- training ------------------------------------------------------------------------------------


def learnable(n_sequences: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Sequences whose labels are told by three of their bases' frequencies."""
    draws = generator(seed)
    labels = torch.randint(2, (n_sequences, 3), generator=draws)
    frequencies = torch.cat([torch.ones(n_sequences, 1), 0.2 + 2 * labels], dim=1)
    return torch.multinomial(frequencies, 60, True, generator=draws), labels


def trained(epochs: int = 4, seed: int = 0):
    torch.manual_seed(seed)
    model = genomics_convnet()
    result = train_genomics_convnet(
        model, *learnable(200, 0), *learnable(60, 1), epochs, 20, 3e-3, seed=seed
    )
    return model, result


def test_training_learns_and_keeps_its_best_epoch():
    model, result = trained()
    assert not model.training
    losses = [row["validation_loss"] for row in result.history]
    assert [row["epoch"] for row in result.history] == [0, 1, 2, 3, 4]
    assert losses[-1] < 0.8 * losses[0]
    assert result.best_epoch == min(range(5), key=losses.__getitem__)
    sequences, labels = learnable(60, 1)
    logits = predict(model, sequences)
    loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, labels.float())
    assert loss.item() == pytest.approx(losses[result.best_epoch], rel=1e-6)
    expected = [roc_auc_score(labels[:, task], logits[:, task]) for task in range(3)]
    assert task_auroc(model, sequences, labels).tolist() == pytest.approx(expected)
    row = result.history[result.best_epoch]
    assert row["validation_auroc"] == pytest.approx(np.mean(expected))


def test_the_best_epoch_is_not_always_the_last():
    torch.manual_seed(0)
    model = genomics_convnet()
    sequences, labels = learnable(60, 0)
    # Learns the opposite of what the validation asks for, so that epoch 0 stays the best.
    result = train_genomics_convnet(model, sequences, 1 - labels, sequences, labels, 3, 20, 3e-3)
    assert result.best_epoch == 0
    loss = torch.nn.functional.binary_cross_entropy_with_logits(
        predict(model, sequences), labels.float()
    )
    assert loss.item() == pytest.approx(result.history[0]["validation_loss"], rel=1e-6)


def test_training_depends_on_its_seed_alone():
    data, start = learnable(50, 0), genomics_convnet()

    def run(seed, dropout):
        model = copy.deepcopy(start)
        model.dropout.p = dropout
        torch.rand(7)
        state = torch.get_rng_state()
        history = train_genomics_convnet(model, *data, *data, 1, 20, seed=seed).history[1]
        assert torch.equal(torch.get_rng_state(), state)
        return history

    assert run(1, 0.5) == run(1, 0.5)
    # The order of the sequences is the seed's, too.
    assert run(1, 0.0) != run(2, 0.0)


def test_trainings_that_make_no_sense_are_an_error():
    model, data = genomics_convnet(), learnable(40, 0)
    with pytest.raises(ValueError, match="40 training sequences are fewer than one batch of 50"):
        train_genomics_convnet(model, *data, *data, 1, 50)
    with pytest.raises(ValueError, match="both classes"):
        train_genomics_convnet(model, *data, data[0], torch.ones_like(data[1]), 1, 20)
    # In many steps the loss tells, after a single one only the validation does.
    for batch_size in (10, 40):
        with pytest.raises(RuntimeError, match=r"diverged in epoch 1.* lower learning_rate"):
            train_genomics_convnet(genomics_convnet(), *data, *data, 3, batch_size, 1e30)


# --- published results ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def released():
    names = gzip.decompress((RELEASED / "test.txt.gz").read_bytes()).decode().split()
    data = read_simdata(RELEASED / "sequences.simdata.gz", names)
    weights = RELEASED / "keras2_conv1d_record_5_model_PQzyq_modelWeights.h5"
    return data, load_genomics_convnet(weights)


@needs_released
def test_published_auroc(released):
    data, model = released
    with torch.no_grad():
        scores = model(one_hot(data.sequences)).numpy()
    auroc = [roc_auc_score(data.labels[:, task], scores[:, task]) for task in range(3)]
    assert [round(value, 3) for value in auroc] == [0.989, 0.988, 0.997]


@needs_released
@pytest.mark.parametrize("method", GENOMICS_METHODS)
def test_published_false_negatives(method, released):
    data, model = released
    both = data.labels[:, 0] == 1
    sequences = data.sequences[both]
    target = torch.zeros(len(sequences), dtype=torch.long)
    scores = GENOMICS_METHODS[method](model, one_hot(sequences), background_reference(), target)
    pwm = read_pwm(SHARED / "published" / "pwm_GATA_disc1.csv")
    hits = find_motif_hits(sequences, scores.sum(1), pwm, exclusion="official")
    assert hits.n_strong() == 313
    with (SHARED / "published" / "deeplift_genomics_false_negatives_gata.csv").open() as table:
        published = {row["method"]: row["published_percent"] for row in csv.DictReader(table)}
    assert round(hits.false_negative_percent(), 2) == float(published[method])
    fixed = find_motif_hits(sequences, scores.sum(1), pwm, exclusion="fixed")
    assert fixed.n_strong() == 294
