"""Impossible trainings are refused, with the name of the wrong value."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from experiments.attribution_prior.training import train_repetitions
from tests.experiments.attribution_prior.helpers import SMALL, table


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "xgrad"}, "unknown method 'xgrad': choose one of unregularised"),
        ({"method": "unregularised", "strengths": [1.0]}, "no prior"),
        ({"strengths": []}, "no strength"),
        ({"strengths": [1.0, 0.0]}, "positive and finite, got 0.0"),
        ({"strengths": [math.inf]}, "positive and finite, got inf"),
        ({"repetitions": []}, "no repetition"),
        ({"repetitions": [1, 1]}, "twice"),
        ({"repetitions": [-1]}, "repetition -1"),
        ({"repetitions": [2**32]}, "repetition 4294967296"),
        ({"repetitions": [1.0]}, "repetition 1.0"),
        ({"seed": -1}, "seed"),
        ({"chunk_size": 0}, "chunk_size"),
        ({"n_workers": 0}, "n_workers"),
        ({"labels": np.full(120, 2)}, "labels must be 0 or 1"),
        ({"labels": np.zeros(119)}, r"got \(120, 7\) and \(119,\)"),
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
