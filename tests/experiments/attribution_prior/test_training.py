"""Training with attribution priors against a plain loop."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch

from experiments.attribution_prior.chunk import NonFiniteLossError
from experiments.attribution_prior.settings import METHODS, STRENGTHS, PriorSettings
from experiments.attribution_prior.table import read_mortality
from experiments.attribution_prior.training import train_repetitions
from experiments.data.catalogue import load_dataset
from experiments.data.fetch import fetch_dataset
from tests.experiments.attribution_prior.helpers import SMALL, same_bits, strengths_of, table
from tests.oracles import priors as reference


def assert_equals_reference(training, features, labels, settings, seed=0) -> None:
    for i, strength in enumerate(training.strengths.tolist()):
        for j, repetition in enumerate(training.repetitions.tolist()):
            expected = reference.train_repetition(
                features,
                labels,
                repetition,
                training.method,
                strength,
                n_train=settings.n_train,
                n_validation=settings.n_validation,
                hidden=settings.hidden,
                epochs=settings.epochs,
                learning_rate=settings.learning_rate,
                n_references=settings.n_references,
                n_steps=settings.n_steps,
                seed=seed,
                dtype=torch.float64,
            )
            for name in ("loss", "penalty", "validation_auc"):
                np.testing.assert_allclose(
                    getattr(training, name)[i, j], expected[name], rtol=1e-9, atol=1e-12
                )
            assert training.epoch[i, j].item() == expected["epoch"]
            for name in ("test_auc", "gini"):
                value = getattr(training, name)[i, j].item()
                assert value == pytest.approx(expected[name], abs=1e-10), name


@pytest.mark.parametrize("chunk_size", [1, 3])
@pytest.mark.parametrize("method", METHODS)
def test_training_equals_the_plain_loop_epoch_by_epoch(method: str, chunk_size: int) -> None:
    features, labels = table()
    training = train_repetitions(
        features,
        labels,
        [4, 0, 11, 2],
        method,
        strengths_of(method, 0.1, 5.0),
        SMALL,
        seed=3,
        dtype=torch.float64,
        chunk_size=chunk_size,
    )
    assert training.validation_auc.shape == (len(training.strengths), 4, SMALL.epochs)
    assert_equals_reference(training, features, labels, SMALL, seed=3)


@pytest.mark.parametrize("method", ["unregularised", "rrr", "expected_gradients", "x_gradient"])
def test_published_protocol_on_real_data_equals_the_plain_loop(method: str, root, tmp_path) -> None:
    mirror = root.parent / "shared" / "data"
    if not (mirror / "nhanesi_shap.zip").exists():
        pytest.skip("needs nhanesi_shap.zip of the verification data next to the checkout")
    entry = load_dataset(root / "workflow/datasets/nhanes18.yaml")
    fetch_dataset(entry, tmp_path, mirror=str(mirror))
    data = read_mortality(entry, tmp_path)
    features, labels = data.features[:1500], data.labels[:1500]
    settings = PriorSettings(epochs=4)
    training = train_repetitions(
        features, labels, [7], method, strengths_of(method, 1.0), settings, dtype=torch.float64
    )
    assert_equals_reference(training, features, labels, settings)


@pytest.mark.parametrize("method", METHODS)
def test_a_repetition_does_not_depend_on_its_company(method: str) -> None:
    features, labels = table()
    settings = replace(SMALL, hidden=(40, 20))

    def train(repetitions, *strengths, **options):
        return train_repetitions(
            features, labels, repetitions, method, strengths_of(method, *strengths), settings,
            **options,
        )  # fmt: skip

    together = train(range(6), 0.1, 1.0, n_workers=3)
    alone = train([4], 1.0, n_workers=1)
    shuffled = train([5, 4, 0], 10.0, 1.0, n_workers=2)
    for name in ("loss", "penalty", "validation_auc", "epoch", "test_auc", "gini"):
        expected = getattr(together, name)[-1]
        assert same_bits(getattr(alone, name)[-1, 0], expected[4]), name
        assert same_bits(getattr(shuffled, name)[-1], expected[[5, 4, 0]]), name


def test_seed_and_repetition_each_change_the_network() -> None:
    features, labels = table()
    losses = [
        train_repetitions(
            features, labels, [repetition], "unregularised", None, SMALL, seed=seed
        ).loss[0, 0, 0].item()
        for seed, repetition in [(0, 1), (1, 1), (1, 0), (0, 0)]
    ]  # fmt: skip
    assert len(set(losses)) == 4


def test_networks_with_and_without_prior_start_alike() -> None:
    features, labels = table()
    first = {}
    for method in METHODS:
        training = train_repetitions(
            features, labels, [0], method, strengths_of(method, 0.5, 2.0), SMALL
        )
        cross_entropy = training.loss - training.strengths.reshape(-1, 1, 1) * (
            training.penalty.nan_to_num(0.0)
        )
        first[method] = cross_entropy[:, 0, 0].tolist()
    biased = [
        value
        for m in ("unregularised", "rrr", "gradient", "expected_gradients", "ig")
        for value in first[m]
    ]
    unbiased = first["unregularised_without_bias"] + first["x_gradient"]
    assert biased == pytest.approx([biased[0]] * 9, abs=1e-6)
    assert unbiased == pytest.approx([unbiased[0]] * 3, abs=1e-6)
    assert abs(biased[0] - unbiased[0]) > 1e-4


def test_the_chosen_epoch_is_the_first_of_the_best() -> None:
    features, labels = table()
    settings = replace(SMALL, epochs=25, learning_rate=0.01)
    training = train_repetitions(features, labels, range(6), "gradient", [0.1, 1.0], settings)
    curves = training.validation_auc.reshape(-1, settings.epochs).tolist()
    firsts = [curve.index(max(curve)) for curve in curves]
    assert training.epoch.flatten().tolist() == firsts
    assert training.best_validation_auc.flatten().tolist() == [max(curve) for curve in curves]
    assert any(curve.count(max(curve)) > 1 for curve in curves), "no ties: the test is too weak"
    assert len(set(firsts)) > 3


def test_epoch_0_is_the_untrained_network() -> None:
    features, labels = table()
    # Steps far below the resolution of float32: no epoch is better than the first.
    still = replace(SMALL, learning_rate=1e-30)
    once = replace(SMALL, epochs=1)
    training, untrained = (
        train_repetitions(features, labels, [0, 1], "expected_gradients", [1.0], settings)
        for settings in (still, once)
    )
    assert training.epoch.tolist() == [[0, 0]]
    assert torch.equal(training.test_auc, untrained.test_auc)
    assert torch.equal(training.gini, untrained.gini)


def test_a_prior_raises_the_gini_coefficient() -> None:
    features, labels = table(n=300)
    settings = PriorSettings(n_train=60, n_validation=60, hidden=(32, 16), epochs=30)
    for method in ("gradient", "rrr", "expected_gradients", "x_gradient"):
        training = train_repetitions(features, labels, range(3), method, [1e-3, 1.0], settings)
        weak, strong = training.penalty[..., -1].mean(1).tolist()
        assert strong < weak - 0.02, method


def test_ig_is_taken_of_networks_with_biases() -> None:
    # Without them every number of nodes would give the same attribution.
    features, labels = table()
    penalties = [
        train_repetitions(
            features, labels, [0], "ig", [1.0], replace(SMALL, n_steps=n_steps)
        ).penalty[0, 0, 0].item()
        for n_steps in (1, 16)
    ]  # fmt: skip
    assert abs(penalties[0] - penalties[1]) > 1e-5


def threads_here_and_in_a_new_thread() -> tuple[int, int]:
    with ThreadPoolExecutor(1) as pool:
        return torch.get_num_threads(), pool.submit(torch.get_num_threads).result()


def test_results_are_plain_tensors_and_threads_are_restored() -> None:
    features, labels = table()
    done = []
    torch.set_num_threads(2)
    try:
        training = train_repetitions(
            features, labels, range(3), "x_gradient", [0.1, 1.0], SMALL, progress=done.append
        )
        assert threads_here_and_in_a_new_thread() == (2, 2)
        with pytest.raises(NonFiniteLossError):
            train_repetitions(features, labels, [0], "x_gradient", [1e39], SMALL)
        assert threads_here_and_in_a_new_thread() == (2, 2)
    finally:
        torch.set_num_threads(1)
    assert done == [2, 2, 2]
    assert not training.test_auc.is_inference()
    assert training.seconds.shape == (2, 3) and bool((training.seconds > 0).all())
    tensors = train_repetitions(
        torch.tensor(features), torch.tensor(labels), range(3), "x_gradient", [0.1, 1.0], SMALL
    )
    assert same_bits(tensors.loss, training.loss)


def test_defaults_are_the_published_protocol() -> None:
    assert PriorSettings() == PriorSettings(100, 100, (512, 128, 32), 100, 1e-3, 1)
    features, labels = table(n=240)
    short = replace(PriorSettings(), epochs=1)
    trained = train_repetitions(features, labels, [0], "gradient", settings=short)
    assert trained.strengths.tolist() == [0.01, 0.1, 1, 10, 100]
    assert len(STRENGTHS) == 5
    unregularised = train_repetitions(features, labels, [0], "unregularised", settings=short)
    assert unregularised.strengths.tolist() == [0.0]
    assert unregularised.penalty.isnan().all()


@pytest.mark.parametrize("method", ["rrr", "gradient", "expected_gradients", "x_gradient", "ig"])
def test_a_diverging_training_is_refused_with_its_repetition(method: str) -> None:
    features, labels = table()
    with pytest.raises(NonFiniteLossError, match=r"repetition 3: the loss is .* in epoch") as error:
        train_repetitions(features, labels, [3, 8], method, [1.0, 1e39], SMALL)
    assert f"method '{method}', strength 1e+39" in str(error.value)


def test_attributions_that_are_all_zero_are_refused_with_the_repetition() -> None:
    features, labels = table()
    train, *_ = reference.split(len(features), 2, 21, 30)
    features[:] = np.random.default_rng(0).normal(size=features.shape)
    features[train] = 1.0
    with pytest.raises(NonFiniteLossError, match=r"repetition 2: .* epoch 0 .*every attribution"):
        train_repetitions(features, labels, [2], "x_gradient", [1.0], SMALL)
    # The gradient itself is not zero there.
    train_repetitions(features, labels, [2], "gradient", [1.0], SMALL)
