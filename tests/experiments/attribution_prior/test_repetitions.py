"""Data of a repetition: split, imputation and standardisation, as published."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from experiments.attribution_prior.repetitions import repetition_data
from experiments.attribution_prior.training import train_repetitions
from tests.experiments.attribution_prior.helpers import SMALL, table
from tests.oracles import priors as reference


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
    with pytest.raises(ValueError, match="51 rows leave no test set after 21 training and 30"):
        repetition_data(features, labels, 0, n_train=21, n_validation=30)
