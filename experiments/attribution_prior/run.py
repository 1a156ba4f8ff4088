"""The prior experiment in shards: the trainings of every job, and the rows that they return.

The repetitions are cut into blocks that are trained together, and a shard is every n-th block. On
a CPU a block is one repetition, elsewhere as many as are stacked in one training; since a
repetition has its own random numbers, and its rounding depends on its block alone, the rows are the
same, to the last bit, for every number of shards. Only the measured seconds differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch

from experiments.attribution_prior.blocks import BLOCK
from experiments.attribution_prior.settings import WITHOUT_PRIOR, PriorSettings
from experiments.attribution_prior.training import train_repetitions

__all__ = ["COLUMNS", "Training", "shard_repetitions", "train_shard", "trainings"]

COLUMNS = (
    "method",
    "n_gradients",
    "lambda",
    "n_epochs",
    "repetition",
    "epoch",
    "val_auc",
    "test_auc",
    "gini",
    "seconds",
)
"""One row per training. ``n_gradients``: gradients per training row and step that the prior takes;
``epoch``: the selected one, to which the three scores belong; ``seconds``: processor time of the
training on a CPU, wall time elsewhere."""


@dataclass(frozen=True)
class Training:
    """One method with its strengths, over the first repetitions of the experiment.

    Parameters
    ----------
    method : str
        One of `experiments.attribution_prior.settings.METHODS`.
    n_gradients : int
        Gradients per training row and step that the prior takes: k of EG(k), the steps of IG,
        0 without a prior, 1 for the others.
    strengths : tuple of float or None
        lambda; None without a prior.
    epochs : int
        Steps.
    n_repetitions : int
        Repetitions 0, 1, 2, ... up to this number are trained.
    """

    method: str
    n_gradients: int
    strengths: tuple[float, ...] | None
    epochs: int
    n_repetitions: int


def trainings(settings: Mapping[str, Any]) -> list[Training]:
    """List the trainings that the configuration requests.

    Parameters
    ----------
    settings : mapping
        ``methods``, ``lambdas``, ``n_references``, ``n_repetitions``, ``settings``,
        ``eg_references`` and ``integrated_gradients`` of the configuration.

    Returns
    -------
    list of Training
        The comparison of methods; EG with other numbers of references (except the
        number that the comparison includes); IG, whose cost is compared.
    """
    epochs = settings["settings"]["epochs"]
    listed = []
    for method in settings["methods"]:
        without = method in WITHOUT_PRIOR
        n_gradients = (
            0 if without else settings["n_references"] if method == "expected_gradients" else 1
        )
        strengths = None if without else tuple(settings["lambdas"])
        listed.append(Training(method, n_gradients, strengths, epochs, settings["n_repetitions"]))
    curve = settings["eg_references"]
    for k in curve["n_references"]:
        if k != settings["n_references"]:
            listed.append(
                Training(
                    "expected_gradients", k, (curve["lambda"],), epochs, curve["n_repetitions"]
                )
            )
    cost = settings["integrated_gradients"]
    listed.append(
        Training("ig", cost["n_steps"], (cost["lambda"],), cost["epochs"], cost["n_repetitions"])
    )
    return listed


def shard_repetitions(n_repetitions: int, scatter_item: str, device: str) -> list[int]:
    """Return the repetitions of one shard.

    Parameters
    ----------
    n_repetitions : int
        Of the whole experiment.
    scatter_item : str
        The shard and their number, as Snakemake writes it: ``"2-of-5"``.
    device : {"cpu", "cuda"}
        Decides how many repetitions are trained together.

    Returns
    -------
    list of int
        Every n-th block: the first repetitions, which have more to train, are thus spread evenly.

    Raises
    ------
    ValueError
        If there are more shards than blocks.
    """
    shard, n_shards = map(int, scatter_item.split("-of-"))
    size = BLOCK[device]
    starts = range(0, n_repetitions, size)
    if n_shards > len(starts):
        raise ValueError(
            f"{n_repetitions} repetitions, {size} of which are trained together on the device "
            f"{device}, make {len(starts)} blocks, too few for {n_shards} shards: lower "
            "attribution_prior.shards"
        )
    return [
        repetition
        for start in starts[shard - 1 :: n_shards]
        for repetition in range(start, min(start + size, n_repetitions))
    ]


def train_shard(
    features: np.ndarray,
    labels: np.ndarray,
    feature_names: Sequence[str],
    repetitions: Sequence[int],
    settings: Mapping[str, Any],
    seed: int,
    device: torch.device | str = "cpu",
    progress: Callable[[list[Training]], Iterable[Training]] = iter,
) -> pd.DataFrame:
    """Run all configured trainings on some of the repetitions.

    Parameters
    ----------
    features : numpy.ndarray of shape (n, F)
        nan where a value is missing.
    labels : numpy.ndarray of shape (n,)
        0 or 1.
    feature_names : sequence of str
        Used to name a feature in an error.
    repetitions : sequence of int
        As `shard_repetitions` returns them.
    settings : mapping
        As for `trainings`; ``settings`` holds the settings that all trainings share.
    seed : int
        Of the experiment.
    device : torch.device or str
        Where to train.
    progress : callable
        Iterates over the trainings and may show the progress.

    Returns
    -------
    pandas.DataFrame
        A row per training, with `COLUMNS`.
    """
    device = torch.device(device)
    frames = []
    for training in progress(trainings(settings)):
        numbers = [number for number in repetitions if number < training.n_repetitions]
        if not numbers:
            continue
        points = {"expected_gradients": "n_references", "ig": "n_steps"}.get(training.method)
        chosen = {
            **settings["settings"],
            "hidden": tuple(settings["settings"]["hidden"]),
            "epochs": training.epochs,
        }
        if points is not None:
            chosen[points] = training.n_gradients
        result = train_repetitions(
            features,
            labels,
            numbers,
            training.method,
            training.strengths,
            PriorSettings(**chosen),
            seed=seed,
            feature_names=feature_names,
            device=device,
            chunk_size=BLOCK[device.type],
        )
        scores = {
            "epoch": result.epoch,
            "val_auc": result.best_validation_auc,
            "test_auc": result.test_auc,
            "gini": result.gini,
            "seconds": result.seconds,
        }
        for index, strength in enumerate(result.strengths.tolist()):
            frames.append(
                pd.DataFrame(
                    {
                        "method": training.method,
                        "n_gradients": training.n_gradients,
                        "lambda": strength,
                        "n_epochs": training.epochs,
                        "repetition": numbers,
                        **{name: values[index].numpy() for name, values in scores.items()},
                    },
                    columns=list(COLUMNS),
                )
            )
    return pd.concat(frames, ignore_index=True)
