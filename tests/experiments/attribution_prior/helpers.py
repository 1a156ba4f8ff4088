"""Shared by the tests of training with attribution priors."""

from __future__ import annotations

import numpy as np
import torch

from experiments.attribution_prior.settings import PriorSettings

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
