"""Data and random numbers of one repetition of the experiment with attribution priors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

__all__ = ["RepetitionData", "repetition_data", "repetition_generator"]


@dataclass(frozen=True)
class RepetitionData:
    """Imputed and standardised data of one repetition.

    Parameters
    ----------
    train, validation, test : numpy.ndarray of shape (rows, F), float64
        Features.
    train_labels, validation_labels, test_labels : numpy.ndarray of shape (rows,)
        0 or 1.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    train_labels: np.ndarray
    validation_labels: np.ndarray
    test_labels: np.ndarray


def repetition_data(
    features: np.ndarray,
    labels: np.ndarray,
    repetition: int,
    n_train: int = 100,
    n_validation: int = 100,
    feature_names: Sequence[str] | None = None,
) -> RepetitionData:
    """Split, impute and standardise the data for one repetition, as published.

    ``train_test_split(train_size=n_train + n_validation, random_state=repetition)`` separates the
    test set, the same call with ``train_size=n_train`` splits the rest. The mean imputation and
    then the standardisation are fitted on the training rows alone; a feature that is constant
    in these rows is centred but not scaled.

    Parameters
    ----------
    features : numpy.ndarray of shape (n, F)
        nan where a value is missing.
    labels : numpy.ndarray of shape (n,)
        0 or 1.
    repetition : int
        Number of the repetition, the seed of both splits.
    n_train, n_validation : int, default 100
        Rows to train on and to select the epoch with; all others are test rows.
    feature_names : sequence of str, optional
        Used to name a feature in an error.

    Returns
    -------
    RepetitionData
        The three splits.

    Raises
    ------
    ValueError
        If a feature has no value in the training rows, or the validation or test split has a
        single class; the message names the repetition. (The published code would drop such a
        feature in this repetition alone, and stop at such a split.)

    References
    ----------
    Hesse et al. (2021), Sec. 4.3, and the released ``run_sparsity_experiments.py``, ``get_data``.
    """
    if len(features) <= n_train + n_validation:
        raise ValueError(
            f"{len(features)} rows leave no test set after {n_train} training and "
            f"{n_validation} validation rows"
        )
    rest, test, rest_labels, test_labels = train_test_split(
        features, labels, train_size=n_train + n_validation, random_state=repetition
    )
    train, validation, train_labels, validation_labels = train_test_split(
        rest, rest_labels, train_size=n_train, random_state=repetition
    )
    for name, split in (("validation", validation_labels), ("test", test_labels)):
        if len(np.unique(split)) < 2:
            raise ValueError(
                f"repetition {repetition}: all {len(split)} {name} rows have the label "
                f"{split[0]:g}, so that there is no ROC curve; use more rows or leave the "
                "repetition out"
            )
    empty = np.flatnonzero(np.isnan(train).all(axis=0)).tolist()
    if empty:
        names = [feature_names[i] if feature_names is not None else f"column {i}" for i in empty]
        raise ValueError(
            f"repetition {repetition}: no value of {', '.join(names)} in the {n_train} training "
            "rows, so that there is no mean to impute; drop it from the data"
        )
    imputer = SimpleImputer().fit(train)
    scaler = StandardScaler().fit(imputer.transform(train))
    train, validation, test = (
        scaler.transform(imputer.transform(rows)) for rows in (train, validation, test)
    )
    return RepetitionData(train, validation, test, train_labels, validation_labels, test_labels)


def repetition_generator(seed: int, repetition: int) -> torch.Generator:
    """Random numbers of one repetition: the initial network, then the references of every epoch.

    They depend on nothing else, so that a result does not depend on which repetitions are trained
    together. Every method and every strength of the prior starts from the same network.

    Parameters
    ----------
    seed : int
        Seed of the experiment, at least 0.
    repetition : int
        Number of the repetition, at least 0.

    Returns
    -------
    torch.Generator
        A new one on the CPU, also if the training is on another device.
    """
    state = np.random.SeedSequence([seed, repetition]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state))
