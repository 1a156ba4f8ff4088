"""Training of a network on one device or on several, with the same call."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import nn

from experiments.data.tensors import Batches
from experiments.networks.launch import launch_fabric, run_in_processes, started_from_outside
from experiments.networks.settings import TrainingSettings
from experiments.networks.training import DivergenceError, TrainingResult, train

__all__ = ["train_network"]


def train_network(
    model: nn.Module,
    training_data: Batches,
    validation_data: Batches | None,
    settings: TrainingSettings,
    seed: int,
    device: torch.device,
    precision: Any = "32-true",
    devices: int = 1,
    nodes: int = 1,
    **options: Any,
) -> TrainingResult:
    """Train a network in place and leave it on the CPU with the parameters of its best epoch.

    One device trains in this process. For several devices of one machine a process is started for
    each, which works in the script of a Snakemake job, too. For several machines see
    `experiments.networks.launch`: every process makes this call and gets the result, and only that
    of rank 0 should be written.

    Parameters
    ----------
    model, training_data, validation_data, settings, seed
        As for `experiments.networks.training.train`; for several devices they are pickled.
    device, precision, devices, nodes
        As for `experiments.networks.launch.launch_fabric`.
    **options
        Further arguments of `train`: ``checkpoint``, ``progress``, ``objective``, ``identity``,
        ``checkpoint_minutes``.

    Returns
    -------
    TrainingResult
        The history and the best epoch.

    Raises
    ------
    ValueError
        If a batch cannot be divided among the processes, if there are fewer training inputs than
        one batch, or if several machines are asked for, and this process is not one of several.
    DivergenceError
        If the training diverges, with the epoch and the learning rate.
    """
    settings.check(len(training_data), devices * nodes)
    data = (training_data, validation_data)
    if nodes > 1 or devices == 1 or started_from_outside():
        fabric = launch_fabric(device, precision, devices, nodes)
        result = train(model, *data, settings, seed, fabric, **options)
        model.cpu()
        return result
    with TemporaryDirectory() as folder:
        outcome = Path(folder) / "outcome.pt"
        call = partial(
            _train_and_store,
            arguments=(model, *data, settings, seed),
            options=options,
            outcome=outcome,
        )
        error = run_in_processes(call, device, precision, devices)
        if error is not None:
            raise DivergenceError(error)
        stored = torch.load(outcome, map_location="cpu", weights_only=True)
    # Assigned rather than copied: another precision has changed the type.
    model.load_state_dict(stored["model"], assign=True)
    return TrainingResult(stored["history"], stored["best_epoch"])


def _train_and_store(
    fabric: Fabric, arguments: tuple[Any, ...], options: Mapping[str, Any], outcome: Path
) -> str | None:
    """Train in one of several processes; return the message of an error that all of them have."""
    # The processes have received the same memory, and each is to change its own.
    model, training_data, validation_data, settings, seed = arguments
    model = copy.deepcopy(model)
    try:
        result = train(model, training_data, validation_data, settings, seed, fabric, **options)
    except DivergenceError as error:
        return str(error)
    state = {"model": model.state_dict(), "history": result.history}
    fabric.save(outcome, {**state, "best_epoch": result.best_epoch})
    return None
