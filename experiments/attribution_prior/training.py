"""Repeated small trainings with attribution priors, fast and the same whichever run together.

A repetition trains a perceptron of about 100,000 parameters on 100 rows. In a plain loop most of
the time goes into graphs that are built twice per step, an optimiser that visits small tensors and
a metric per epoch. Here the gradients come in closed form (module `perceptron`), all parameters of
a network are one vector, and the repetitions of a chunk are stacked. On a CPU a chunk is one
repetition, which is what fits its cache, and every chunk belongs to one of several
single-threaded workers, since such small matrices lose time when threads share them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Integral

import numpy as np
import torch
from torch import Tensor

from experiments.attribution_prior.chunk import Chunk, train_chunk
from experiments.attribution_prior.repetitions import repetition_data
from experiments.attribution_prior.settings import (
    METHODS,
    STRENGTHS,
    WITHOUT_PRIOR,
    PriorSettings,
    check_whole,
)

__all__ = ["PriorTraining", "train_repetitions"]

# Networks trained at a time on an accelerator; on a CPU one.
_ACCELERATOR_CHUNK = 64


@dataclass(frozen=True)
class PriorTraining:
    """Trainings of one method: L strengths of the prior, R repetitions, E epochs; on the CPU.

    Parameters
    ----------
    method : str
        One of `METHODS`.
    strengths : Tensor of shape (L,), float64
        lambda; a single 0 without a prior.
    repetitions : Tensor of shape (R,), int64
        Their numbers.
    loss : Tensor of shape (L, R, E), float64
        Training loss before each step. It includes ``lambda * Omega``, as in the published logs,
        whose code adds the penalty to the loss in place.
    penalty : Tensor of shape (L, R, E), float64
        Omega of the training rows before each step; nan without a prior.
    validation_auc : Tensor of shape (L, R, E), float64
        Before each step, so that epoch 0 is the untrained network.
    epoch : Tensor of shape (L, R), int64
        The selected one: the first with the best validation ROC-AUC.
    test_auc : Tensor of shape (L, R), float64
        Of the network at the selected epoch.
    gini : Tensor of shape (L, R), float64
        Gini coefficient of the mean absolute Input×Gradient over the test rows, of the network at
        the selected epoch: the same measure for every method, and X-Gradient for a network without
        biases. nan if the network does not depend on its input.
    seconds : Tensor of shape (L, R), float64
        Training time without preparing the data and without testing, of a chunk by equal shares:
        processor time on a CPU, wall time elsewhere.
    """

    method: str
    strengths: Tensor
    repetitions: Tensor
    loss: Tensor
    penalty: Tensor
    validation_auc: Tensor
    epoch: Tensor
    test_auc: Tensor
    gini: Tensor
    seconds: Tensor

    @property
    def best_validation_auc(self) -> Tensor:
        """Validation ROC-AUC of the chosen epoch, of shape (L, R)."""
        return self.validation_auc.amax(-1)


def train_repetitions(
    features: np.ndarray | Tensor,
    labels: np.ndarray | Tensor,
    repetitions: Sequence[int],
    method: str,
    strengths: Sequence[float] | None = None,
    settings: PriorSettings | None = None,
    *,
    seed: int = 0,
    feature_names: Sequence[str] | None = None,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
    chunk_size: int | None = None,
    n_workers: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> PriorTraining:
    """Train a network per repetition and strength, select its epoch, and test it.

    A repetition is a split of the data, a network and its random numbers, all of them set by
    ``seed`` and the number of the repetition. On a CPU with the default ``chunk_size`` it is
    computed separately: its result is the same, bit by bit, whatever the other repetitions, their
    order, the other strengths and the number of workers.

    Parameters
    ----------
    features : array of shape (n, F)
        nan where a value is missing.
    labels : array of shape (n,)
        0 or 1.
    repetitions : sequence of int
        Numbers, which are the seeds of the splits; the paper's are 0 to 199.
    method : str
        One of `METHODS`.
    strengths : sequence of float, optional
        Values of lambda; by default `STRENGTHS`. A method without prior has none.
    settings : PriorSettings, optional
        By default the published protocol.
    seed : int, default 0
        Seed of initial networks and references. (The published ones were not seeded.)
    feature_names : sequence of str, optional
        Used to name a feature in an error.
    dtype : torch.dtype, default torch.float32
        Of the training.
    device : torch.device or str, default "cpu"
        Where to train.
    chunk_size : int, optional
        Networks stacked in one training; by default 1 on a CPU and 64 elsewhere. Another number
        changes the order of some sums, hence results up to rounding, which a training amplifies.
    n_workers : int, optional
        Chunks trained at the same time, each by one thread; by default the number of threads of
        torch on a CPU (which is 1 during the call, and restored afterwards), and 1 elsewhere.
    progress : callable, optional
        Called with the number of trainings done whenever a chunk is complete with all strengths.

    Returns
    -------
    PriorTraining
        Results by strength and repetition.

    Raises
    ------
    NonFiniteLossError
        If a training diverges; the message names the repetition.
    ValueError
        If the data, a split (with the number of its repetition) or a setting cannot be used.

    References
    ----------
    Hesse et al. (2021), Sec. 4.3; Erion et al. (2021); Ross et al. (2017) for RRR.
    """
    features, labels = _validated_data(features, labels, feature_names)
    numbers = _validated_repetitions(repetitions)
    strengths = _validated_strengths(method, strengths)
    settings = settings or PriorSettings()
    if isinstance(seed, bool) or not isinstance(seed, Integral) or seed < 0:
        raise ValueError(f"seed must be a whole number of at least 0, got {seed!r}")
    device = torch.device(device)
    on_cpu = device.type == "cpu"
    if chunk_size is None:
        chunk_size = 1 if on_cpu else _ACCELERATOR_CHUNK
    if n_workers is None:
        n_workers = torch.get_num_threads() if on_cpu else 1
    check_whole("chunk_size", chunk_size)
    check_whole("n_workers", n_workers)

    def train(chunk_numbers: list[int]) -> list[dict[str, Tensor]]:
        # Both belong to the worker; the first is also the initial value for threads started later.
        torch.set_num_threads(1)
        with torch.inference_mode():
            data = [
                repetition_data(
                    features,
                    labels,
                    number,
                    settings.n_train,
                    settings.n_validation,
                    feature_names,
                )
                for number in chunk_numbers
            ]
            chunk = Chunk.stack(chunk_numbers, data, dtype, device)
            return [train_chunk(chunk, method, value, settings, seed) for value in strengths]

    parts = [numbers[i : i + chunk_size] for i in range(0, len(numbers), chunk_size)]
    results: list[list[dict[str, Tensor]]] = []
    with _threads_kept(), ThreadPoolExecutor(n_workers) as pool:
        trainings = [pool.submit(train, part) for part in parts]
        try:
            for part, training in zip(parts, trainings, strict=True):
                results.append(training.result())
                if progress is not None:
                    progress(len(part) * len(strengths))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    return PriorTraining(
        method=method,
        strengths=torch.tensor(strengths, dtype=torch.float64),
        repetitions=torch.tensor(numbers),
        **{name: _joined(results, name) for name in results[0][0]},
    )


def _joined(results: list[list[dict[str, Tensor]]], name: str) -> Tensor:
    """One quantity by strength and repetition, from lists by chunk and strength."""
    by_chunk = [torch.stack([one[name] for one in chunk]) for chunk in results]
    return torch.cat(by_chunk, 1).cpu()


@contextmanager
def _threads_kept() -> Iterator[None]:
    n_threads = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)


def _validated_data(
    features: np.ndarray | Tensor, labels: np.ndarray | Tensor, names: Sequence[str] | None
) -> tuple[np.ndarray, np.ndarray]:
    features, labels = np.asarray(features, dtype=np.float64), np.asarray(labels)
    if features.ndim != 2 or labels.shape != features.shape[:1] or features.shape[1] == 0:
        raise ValueError(
            f"features and labels must have shapes (n, F) and (n,), got {features.shape} and "
            f"{labels.shape}"
        )
    if names is not None and len(names) != features.shape[1]:
        raise ValueError(f"{len(names)} feature names for {features.shape[1]} features")
    if np.isinf(features).any():
        row, column = np.argwhere(np.isinf(features))[0]
        name = names[column] if names is not None else f"column {column}"
        raise ValueError(f"{name} is infinite in row {row}")
    if not np.isin(labels, (0, 1)).all():
        raise ValueError("labels must be 0 or 1")
    return features, labels.astype(np.int64)


def _validated_repetitions(repetitions: Sequence[int]) -> list[int]:
    numbers = list(repetitions)
    if not numbers:
        raise ValueError("there is no repetition to train")
    for number in numbers:
        # The numbers seed NumPy's legacy generator, as published, which takes 32 bits.
        if isinstance(number, bool) or not isinstance(number, Integral) or not 0 <= number < 2**32:
            raise ValueError(f"repetition {number!r} is not a whole number from 0 to 2**32 - 1")
    if len(set(numbers)) < len(numbers):
        raise ValueError("a repetition is given twice")
    return [int(number) for number in numbers]


def _validated_strengths(method: str, strengths: Sequence[float] | None) -> tuple[float, ...]:
    if method not in METHODS:
        raise ValueError(f"unknown method {method!r}: choose one of {', '.join(METHODS)}")
    if method in WITHOUT_PRIOR:
        if strengths is not None:
            raise ValueError(f"{method} has no prior, hence no strengths")
        return (0.0,)
    strengths = STRENGTHS if strengths is None else tuple(float(value) for value in strengths)
    if not strengths:
        raise ValueError("there is no strength to train with")
    for value in strengths:
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"a strength must be positive and finite, got {value!r}")
    return strengths
