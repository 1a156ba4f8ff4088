"""Training with attribution priors against a plain loop, autograd and scikit-learn."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.metrics import roc_auc_score
from torch import nn

from experiments.attribution_prior.chunk import NonFiniteLossError
from experiments.attribution_prior.comparison import paired_difference, select_strength
from experiments.attribution_prior.perceptron import StackedPerceptrons, initial_parameters
from experiments.attribution_prior.repetitions import repetition_data, repetition_generator
from experiments.attribution_prior.settings import METHODS, STRENGTHS, PriorSettings
from experiments.attribution_prior.table import read_mortality
from experiments.attribution_prior.training import train_repetitions
from experiments.data.catalogue import load_dataset
from experiments.data.fetch import fetch_dataset
from experiments.roc_auc import roc_auc
from tests.oracles import priors as reference
from xgradient.priors import attribution_prior_loss, gini, prior_and_gradient

WITHOUT_PRIOR = ("unregularised", "unregularised_without_bias")
SMALL = PriorSettings(
    n_train=21, n_validation=30, hidden=(24, 12, 6), epochs=8, n_references=3, n_steps=4
)


def table(n: int = 120, n_features: int = 7, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features with missing values and a constant one, and labels that depend on two of them."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, n_features)) * rng.uniform(0.1, 30, n_features) + 5
    score = features[:, 0] / features[:, 0].std() - features[:, 1] / features[:, 1].std()
    labels = (score + rng.normal(size=n) > np.median(score)).astype(np.int64)
    features[rng.random(features.shape) < 0.1] = np.nan
    features[:, 2] = 0.1
    return features, labels


def strengths_of(method: str, *values: float) -> tuple[float, ...] | None:
    return None if method in WITHOUT_PRIOR else values


def same_bits(first: torch.Tensor, second: torch.Tensor) -> bool:
    return torch.equal(first.nan_to_num(7.0), second.nan_to_num(7.0))


# --- Gini coefficient and penalty ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "expected"),
    [([2.0, 2.0, 2.0], 0.0), ([0.0, 0.0, 5.0], 2 / 3), ([1.0, 3.0], 0.25), ([4.0], 0.0)],
)
def test_gini_of_known_values(values: list[float], expected: float) -> None:
    assert gini(torch.tensor(values, dtype=torch.float64)).item() == pytest.approx(expected)


@hypothesis_settings(max_examples=40)
@given(
    arrays.arrays(
        np.float64,
        st.tuples(st.integers(1, 3), st.integers(1, 8)),
        elements=st.floats(0, 50).map(lambda value: round(value, 1)),
    )
)
def test_gini_is_its_definition_and_does_not_depend_on_the_scale(values: np.ndarray) -> None:
    values[:, 0] += 1
    values = torch.tensor(values)
    computed = gini(values)
    for row, coefficient in zip(values, computed, strict=True):
        assert coefficient.item() == pytest.approx(reference.gini(row).item(), abs=1e-12)
    torch.testing.assert_close(gini(1e3 * values), computed)


def test_gini_of_nothing_is_nan() -> None:
    assert gini(torch.tensor([[0.0, 0.0], [1.0, 0.0]])).isnan().tolist() == [True, False]


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        (torch.tensor([1.0, -0.1]), ValueError, "non-negative"),
        (torch.tensor([1, 2]), TypeError, "int64"),
        (torch.ones(3, 0), ValueError, r"\(3, 0\)"),
        (torch.tensor(1.0), ValueError, "last dimension"),
    ],
)
def test_gini_refuses(values: torch.Tensor, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        gini(values)


def test_penalty_is_minus_the_gini_of_mean_absolute_attributions() -> None:
    attributions = torch.randn(2, 5, 6, dtype=torch.float64)
    penalty = attribution_prior_loss(attributions)
    expected = [-reference.gini(rows.abs().mean(0)).item() for rows in attributions]
    assert penalty.tolist() == pytest.approx(expected)
    with pytest.raises(ValueError, match="one row"):
        attribution_prior_loss(torch.ones(4))
    with pytest.raises(ValueError, match="one row"):
        attribution_prior_loss(torch.ones(0, 4))


def test_penalty_trains_a_model_through_double_backpropagation() -> None:
    # Smooth, so that finite differences of the whole loss are a check of their own.
    model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 1)).double()
    inputs = torch.randn(5, 4, dtype=torch.float64)

    def penalty(weight: torch.Tensor) -> torch.Tensor:
        points = inputs.clone().requires_grad_()
        parameters = {**dict(model.named_parameters()), "0.weight": weight}
        logits = torch.func.functional_call(model, parameters, (points,))
        (gradient,) = torch.autograd.grad(logits.sum(), points, create_graph=True)
        return attribution_prior_loss(gradient * points)

    weight = model[0].weight.detach().clone().requires_grad_()
    assert torch.autograd.gradcheck(penalty, (weight,))


@pytest.mark.parametrize("rounded", [False, True])
def test_closed_form_of_the_penalty_is_autograd(rounded: bool) -> None:
    attributions = torch.randn(3, 6, 5, dtype=torch.float64)
    attributions[0, :, 1] = 0
    if rounded:  # ties between features, and zeros
        attributions = attributions.round()
        attributions[:, :, 2] = attributions[:, :, 3]
    attributions.requires_grad_()
    expected = torch.stack([-reference.gini(rows.abs().mean(0)) for rows in attributions])
    (slope,) = torch.autograd.grad(expected.sum(), attributions)
    penalty, gradient = prior_and_gradient(attributions.detach())
    torch.testing.assert_close(penalty, expected.detach())
    torch.testing.assert_close(gradient, slope, rtol=1e-10, atol=1e-14)


# --- ROC-AUC ------------------------------------------------------------------------------------


@hypothesis_settings(max_examples=40)
@given(
    st.integers(2, 40).flatmap(
        lambda n: st.tuples(
            arrays.arrays(np.float64, (3, n), elements=st.integers(-4, 4).map(float)),
            arrays.arrays(np.int64, (3, n), elements=st.integers(0, 1)),
        )
    )
)
def test_roc_auc_is_that_of_scikit_learn(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    scores, labels = drawn
    labels[:, 0], labels[:, 1] = 0, 1
    computed = roc_auc(torch.tensor(scores), torch.tensor(labels))
    assert computed.dtype == torch.float64
    expected = [roc_auc_score(y, s) for y, s in zip(labels, scores, strict=True)]
    assert computed.tolist() == pytest.approx(expected, abs=1e-12)


def test_roc_auc_of_equal_orderings_is_equal_to_the_last_bit() -> None:
    scores = torch.randn(97, dtype=torch.float32)
    labels = torch.randint(0, 2, (97,))
    orderings = torch.stack([scores, 3 * scores + 1, scores.exp()])
    assert len(set(roc_auc(orderings, labels).tolist())) == 1
    # No scores are lost to ranks of float32: a single pair is out of order among 10^8.
    n = 10_000
    scores = torch.arange(2 * n, dtype=torch.float64)
    labels = (scores >= n).long()
    scores[n - 1 : n + 1] = scores[n - 1 : n + 1].flip(0)
    assert roc_auc(scores, labels).item() == 1 - 1 / n**2
    # Nor differences to float32.
    close = 1 + 1e-12 * torch.arange(4, dtype=torch.float64)
    assert roc_auc(close, torch.tensor([0, 1, 0, 1])).item() == 0.75


def test_roc_auc_leaves_strided_scores_alone() -> None:
    scores, labels = torch.randn(4, 30)[:, ::3], torch.tensor([0, 1] * 5)
    expected = [roc_auc_score(labels, row) for row in scores]
    assert roc_auc(scores, labels).tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("scores", "labels", "message"),
    [
        (torch.tensor([[1.0, 2.0], [1.0, math.nan]]), torch.tensor([0, 1]), r"nan \(vector \(1,\)"),
        (torch.ones(2, 2), torch.tensor([[0, 1], [1, 1]]), r"both classes \(vector \(1,\)"),
        (torch.ones(2), torch.tensor([0, 0]), "both classes$"),
        (torch.ones(2), torch.tensor([0, 2]), "0 or 1"),
        (torch.ones(3), torch.tensor([0, 1]), "do not fit"),
    ],
)
def test_roc_auc_refuses(scores: torch.Tensor, labels: torch.Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        roc_auc(scores, labels)


# --- data of a repetition -----------------------------------------------------------------------


@pytest.mark.parametrize("repetition", [0, 1, 17])
def test_split_imputation_and_standardisation_follow_the_definitions(repetition: int) -> None:
    features, labels = table()
    data = repetition_data(features, labels, repetition, n_train=21, n_validation=30)
    rows = reference.split(len(features), repetition, 21, 30)
    expected = reference.standardise(features, rows[0])
    for name, chosen in zip(("train", "validation", "test"), rows, strict=True):
        np.testing.assert_allclose(getattr(data, name), expected[chosen], rtol=1e-9, atol=1e-12)
        np.testing.assert_array_equal(getattr(data, f"{name}_labels"), labels[chosen])
    assert sorted(np.concatenate(rows)) == list(range(len(features)))
    # The constant feature is centred, and not divided by its rounding errors.
    assert np.abs(data.test[:, 2]).max() < 1e-12


def test_a_feature_without_training_values_is_refused_by_name() -> None:
    features, labels = table()
    train, *_ = reference.split(len(features), 3, 21, 30)
    features[train, 4] = np.nan
    names = [f"feature {i}" for i in range(features.shape[1])]
    with pytest.raises(ValueError, match=r"repetition 3: no value of feature 4 in the 21"):
        train_repetitions(features, labels, [3], "x_gradient", [1.0], SMALL, feature_names=names)
    with pytest.raises(ValueError, match=r"repetition 3: no value of column 4"):
        train_repetitions(features, labels, [3], "x_gradient", [1.0], SMALL)
    # Elsewhere the feature has values.
    train_repetitions(features, labels, [4], "x_gradient", [1.0], replace(SMALL, epochs=1))


@pytest.mark.parametrize(("position", "name"), [(1, "validation"), (2, "test")])
def test_a_split_with_a_single_class_is_refused(position: int, name: str) -> None:
    features, labels = table()
    labels[reference.split(len(features), 5, 21, 30)[position]] = 1
    with pytest.raises(ValueError, match=rf"repetition 5: all \d+ {name} rows have the label 1"):
        train_repetitions(features, labels, [5], "gradient", [1.0], SMALL)


def test_too_few_rows_are_refused() -> None:
    features, labels = table(n=51)
    with pytest.raises(ValueError, match="51 rows leave no test set beside 21 training and 30"):
        repetition_data(features, labels, 0, n_train=21, n_validation=30)


# --- networks -----------------------------------------------------------------------------------


def test_initial_network_is_that_of_a_linear_layer_and_loses_only_its_biases() -> None:
    widths = (50, 40, 20, 1)
    with_bias, without = (
        initial_parameters(widths, bias, repetition_generator(0, 1)) for bias in (True, False)
    )
    n_weights = 50 * 40 + 40 * 20 + 20
    assert len(without) == n_weights and len(with_bias) == n_weights + 61
    assert torch.equal(with_bias[:n_weights], without)
    parts = with_bias.split([2000, 800, 20, 40, 20, 1])
    for part, inputs in zip(parts[:5], [50, 40, 20, 50, 40], strict=True):
        bound = inputs**-0.5
        # Uniform: within the bound, and filling it.
        assert part.abs().max() <= bound
        assert part.abs().max() > 0.8 * bound
        assert part.abs().mean().item() == pytest.approx(bound / 2, rel=0.35)


@pytest.mark.parametrize("bias", [False, True])
def test_derivatives_of_stacked_networks_are_those_of_autograd(bias: bool) -> None:
    widths, n_networks, n_rows = (5, 9, 7, 1), 3, 8
    generators = [repetition_generator(0, i) for i in range(n_networks)]
    parameters = torch.stack([initial_parameters(widths, bias, g) for g in generators]).double()
    stacked = StackedPerceptrons(parameters.clone(), widths, bias)
    rows = torch.randn(n_networks, n_rows, 5, dtype=torch.float64)
    slope = torch.randn(n_networks, n_rows, dtype=torch.float64)
    directions = torch.randn(n_networks, n_rows, 5, dtype=torch.float64)

    activations, logits = stacked.forward(rows)
    gates = [hidden.sign() for hidden in activations[1:]]
    deltas = stacked.backward(gates)
    tangents = stacked.tangent(directions, gates)
    lefts = [h * slope.unsqueeze(-1) + t for h, t in zip(activations, tangents, strict=True)]
    stacked.set_gradient(lefts, deltas, slope)

    for b in range(n_networks):
        flat = parameters[b].clone().requires_grad_()
        points = rows[b].clone().requires_grad_()
        sizes = [45, 63, 7] + ([9, 7, 1] if bias else [])
        parts = flat.split(sizes)
        hidden = points
        for layer, shape in enumerate([(5, 9), (9, 7), (7, 1)]):
            hidden = hidden @ parts[layer].reshape(shape)
            hidden = hidden + parts[3 + layer] if bias else hidden
            hidden = hidden.relu() if layer < 2 else hidden
        (gradient,) = torch.autograd.grad(hidden.sum(), points, create_graph=True)
        objective = (slope[b] * hidden[:, 0]).sum() + (directions[b] * gradient).sum()
        torch.testing.assert_close(logits[b], hidden[:, 0].detach())
        torch.testing.assert_close(stacked.input_gradient(deltas[0])[b], gradient.detach())
        (expected,) = torch.autograd.grad(objective, flat)
        torch.testing.assert_close(stacked.gradient[b], expected)


# --- training -----------------------------------------------------------------------------------


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
        pytest.skip("needs nhanesi_shap.zip of the verification data kept beside the checkout")
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


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "xgrad"}, "unknown method 'xgrad': choose one of unregularised"),
        ({"method": "unregularised", "strengths": [1.0]}, "no prior"),
        ({"strengths": []}, "no strength"),
        ({"strengths": [1.0, 0.0]}, "positive and finite, not 0.0"),
        ({"strengths": [math.inf]}, "positive and finite, not inf"),
        ({"repetitions": []}, "no repetition"),
        ({"repetitions": [1, 1]}, "twice"),
        ({"repetitions": [-1]}, "repetition -1"),
        ({"repetitions": [2**32]}, "repetition 4294967296"),
        ({"repetitions": [1.0]}, "repetition 1.0"),
        ({"seed": -1}, "seed"),
        ({"chunk_size": 0}, "chunk_size"),
        ({"n_workers": 0}, "n_workers"),
        ({"labels": np.full(120, 2)}, "labels must be 0 or 1"),
        ({"labels": np.zeros(119)}, r"shapes \(120, 7\) and \(119,\)"),
        ({"feature_names": ["one"]}, "1 feature names for 7 features"),
    ],
)
def test_train_repetitions_refuses(changes: dict, message: str) -> None:
    features, labels = table()
    arguments = {
        "features": features,
        "labels": labels,
        "repetitions": [0],
        "method": "x_gradient",
        "settings": SMALL,
    }
    with pytest.raises(ValueError, match=message):
        train_repetitions(**(arguments | changes))


def test_an_infinite_feature_is_refused_by_name() -> None:
    features, labels = table()
    features[17, 3] = -np.inf
    with pytest.raises(ValueError, match="column 3 is infinite in row 17"):
        train_repetitions(features, labels, [0], "x_gradient", None, SMALL)
    with pytest.raises(ValueError, match="weight is infinite"):
        names = ["a", "b", "c", "weight", "d", "e", "f"]
        train_repetitions(features, labels, [0], "x_gradient", None, SMALL, feature_names=names)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_train", 0),
        ("n_validation", True),
        ("epochs", 2.0),
        ("n_references", 0),
        ("n_steps", -1),
        ("hidden", ()),
        ("hidden", (8, 0)),
        ("learning_rate", 0.0),
        ("learning_rate", math.nan),
    ],
)
def test_settings_refuse(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=name):
        replace(SMALL, **{name: value})


# --- comparison ---------------------------------------------------------------------------------


def test_strength_is_chosen_by_the_mean_over_repetitions() -> None:
    assert select_strength(torch.tensor([[0.9, 0.1], [0.6, 0.6], [0.6, 0.6], [0.5, 0.6]])) == 1
    with pytest.raises(ValueError, match=r"\(3,\)"):
        select_strength(torch.ones(3))
    with pytest.raises(ValueError, match="strength 1 and repetition 0"):
        select_strength(torch.tensor([[0.5, 0.5], [math.nan, 0.5]]))


def test_paired_difference_of_normal_differences_has_the_normal_interval() -> None:
    generator = torch.Generator().manual_seed(0)
    second = 10 * torch.randn(400, generator=generator, dtype=torch.float64)
    first = second + 0.3 + torch.randn(400, generator=generator, dtype=torch.float64)
    difference = paired_difference(first, second, generator)
    assert difference.mean == pytest.approx((first - second).mean().item())
    error = (first - second).std().item() / 20
    assert difference.low == pytest.approx(difference.mean - 1.96 * error, abs=0.15 * error)
    assert difference.high == pytest.approx(difference.mean + 1.96 * error, abs=0.15 * error)
    narrow = paired_difference(first, second, generator, confidence=0.5)
    assert difference.low < narrow.low < narrow.mean < narrow.high < difference.high
    again = [paired_difference(first, second, torch.Generator().manual_seed(1)) for _ in range(2)]
    assert again[0] == again[1]


def test_paired_difference_refuses() -> None:
    generator = torch.Generator()
    good = torch.ones(3)
    for first, options, message in [
        (torch.ones(2), {}, "same two or more"),
        (torch.tensor([1.0, math.nan, 0.0]), {}, "not finite"),
        (good, {"confidence": 1.0}, "confidence"),
        (good, {"n_resamples": 0}, "n_resamples"),
    ]:
        with pytest.raises(ValueError, match=message):
            paired_difference(first, good, generator, **options)
