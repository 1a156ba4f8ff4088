"""Training of networks on Lightning Fabric.

Devices, mixed precision and several processes are Fabric's; this module holds the loop, the
selection of the best epoch on a validation split, and the resumption.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from lightning_fabric import Fabric
from torch import nn
from torch.utils.data import DataLoader
from tqdm.auto import tqdm

from experiments.data.tensors import Batches, loader
from experiments.networks.objective import CLASSIFICATION, Objective
from experiments.networks.settings import TrainingSettings

__all__ = ["TrainingResult", "launch_fabric", "train"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingResult:
    """History and outcome of a training.

    Attributes
    ----------
    history : list of dict
        One row per epoch: ``epoch`` (0 is the network before training), ``train_loss`` (nats; NaN
        for epoch 0), the numbers that the objective reports, such as ``validation_loss`` (nats) and
        ``validation_top1`` (percent), ``learning_rate`` (at the end of the epoch). NaN without
        validation data.
    best_epoch : int
        The epoch whose parameters the network now has: the best by the objective, the first of
        equals; without validation the last.
    """

    history: list[dict[str, float]]
    best_epoch: int


def launch_fabric(device: torch.device, precision: Any = "32-true") -> Fabric:
    """Launch Fabric on one device.

    Parameters
    ----------
    device : torch.device
        A GPU for ``cuda``, the processor for anything else.
    precision : str
        Of the arithmetic, as `lightning_fabric.Fabric` names it.
    """
    accelerator = "cuda" if device.type == "cuda" else "cpu"
    fabric = Fabric(accelerator=accelerator, devices=1, precision=precision)
    fabric.launch()
    return fabric


def _make_optimizer(model: nn.Module, settings: TrainingSettings) -> torch.optim.Optimizer:
    if settings.optimizer == "sgd":
        return torch.optim.SGD(
            model.parameters(),
            lr=settings.learning_rate,
            momentum=0.9,
            weight_decay=settings.weight_decay,
        )
    return torch.optim.AdamW(
        model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )


def _make_schedule(
    optimizer: torch.optim.Optimizer, settings: TrainingSettings, steps_per_epoch: int
) -> torch.optim.lr_scheduler.LRScheduler:
    steps = settings.epochs * steps_per_epoch
    schedulers = torch.optim.lr_scheduler
    if settings.schedule == "one_cycle":
        # torch divides by the length of the rise less one step.
        rise = 0.2 if 0.2 * steps != 1 else 0.4
        return schedulers.OneCycleLR(
            optimizer, settings.learning_rate, total_steps=steps, pct_start=rise
        )
    if settings.schedule == "cosine":
        return schedulers.CosineAnnealingLR(optimizer, steps)
    if settings.schedule == "step":
        return schedulers.StepLR(optimizer, settings.step_epochs * steps_per_epoch, gamma=0.1)
    return schedulers.ConstantLR(optimizer, factor=1.0)


def _on_device(
    fabric: Fabric, batches: DataLoader[tuple[torch.Tensor, torch.Tensor]]
) -> DataLoader[tuple[torch.Tensor, torch.Tensor]]:
    prepared = fabric.setup_dataloaders(batches)
    assert not isinstance(prepared, list)  # which is returned for several loaders
    return prepared


def _reduced(fabric: Fabric, value: torch.Tensor, how: Literal["mean", "sum"]) -> torch.Tensor:
    reduced = fabric.all_reduce(value, reduce_op=how)
    assert isinstance(reduced, torch.Tensor)  # as the value is
    return reduced


def _flip_at_random(inputs: torch.Tensor) -> torch.Tensor:
    mirrored = torch.rand(len(inputs), device=inputs.device) < 0.5
    return torch.where(mirrored[:, None, None, None], inputs.flip(-1), inputs)


def _random_state(device: torch.device) -> dict[str, torch.Tensor]:
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def _restore_random_state(state: Mapping[str, torch.Tensor], device: torch.device) -> None:
    torch.set_rng_state(state["cpu"].cpu())
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"].cpu(), device)


def train(
    model: nn.Module,
    training_data: Batches,
    validation_data: Batches | None,
    settings: TrainingSettings,
    seed: int,
    fabric: Fabric | None = None,
    checkpoint: str | Path | None = None,
    progress: str | None = None,
    objective: Objective = CLASSIFICATION,
) -> TrainingResult:
    """Train a network in place and leave it with the parameters of its best epoch.

    The best epoch is selected on ``validation_data``, which must be split off the *training* data:
    the published trainings selected it on the split that they report, which is biased in their
    favour. The network before training counts as epoch 0, so that fine-tuning never makes it worse
    on ``validation_data``.

    Parameters
    ----------
    model : torch.nn.Module
        Maps (N, C, H, W) to logits (N, K).
    training_data : Batches
        Inputs and labels to learn from.
    validation_data : Batches or None
        Inputs and labels to select the epoch with; ``None`` keeps the last epoch, for trainings of
        a fixed length on all data.
    settings : TrainingSettings
        Optimiser, schedule, number of epochs and so on.
    seed : int
        Seeds the order of the images, the flips and the dropout. The global random state of the
        caller is left as it was.
    fabric : lightning_fabric.Fabric, optional
        A launched Fabric, which determines devices, precision and processes; the CPU in float32 by
        default.
    checkpoint : str or Path, optional
        A file written after every epoch. If it exists when training starts and belongs to the
        same settings and seed, training resumes from it, with the same result; it is removed
        at the end.
    progress : str, optional
        Label of a progress bar; by default no bar is shown.
    objective : Objective
        The loss, and the criterion for the best epoch; by default that of a classification.

    Returns
    -------
    TrainingResult
        The history and the best epoch.

    Raises
    ------
    ValueError
        If there are fewer training inputs than one batch.
    RuntimeError
        If the training diverges, with the epoch and the learning rate.
    """
    if len(training_data) < settings.batch_size:
        raise ValueError(
            f"{len(training_data)} training inputs are fewer than one batch of "
            f"{settings.batch_size}: lower batch_size"
        )
    fabric = fabric or Fabric(accelerator="cpu", devices=1)
    cuda = [fabric.device] if fabric.device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        torch.manual_seed(seed + fabric.global_rank)
        return _train(
            model,
            training_data,
            validation_data,
            settings,
            seed,
            fabric,
            None if checkpoint is None else Path(checkpoint),
            progress,
            objective,
        )


def _train(
    model: nn.Module,
    training_data: Batches,
    validation_data: Batches | None,
    settings: TrainingSettings,
    seed: int,
    fabric: Fabric,
    checkpoint: Path | None,
    progress: str | None,
    objective: Objective,
) -> TrainingResult:
    layout = torch.channels_last if settings.channels_last else torch.contiguous_format
    inner = model
    inner.to(memory_format=layout)
    model, optimizer = fabric.setup(inner, _make_optimizer(inner, settings))
    order = torch.Generator().manual_seed(seed)
    batches = _on_device(
        fabric,
        loader(training_data, settings.batch_size, shuffle=True, drop_last=True, generator=order),
    )
    validation = None
    if validation_data is not None:
        validation = _on_device(fabric, loader(validation_data, 100))
    schedule = _make_schedule(optimizer, settings, len(batches)) if settings.epochs else None

    def validate() -> dict[str, float]:
        measured = dict.fromkeys(objective.reported, math.nan)
        if validation is not None:
            measured = objective.evaluate(
                model,
                validation,
                fabric.device,
                lambda sums: _reduced(fabric, sums, "sum"),
            )
        return {f"validation_{name}": measured[name] for name in objective.reported}

    identity = {"settings": asdict(settings), "seed": seed, "images": len(training_data)}
    state: dict[str, Any] = {
        "identity": identity,
        "history": [],
        "best_epoch": 0,
        "best": _snapshot(inner),
    }
    if checkpoint is not None and checkpoint.is_file():
        _resume(state, checkpoint, fabric, inner, optimizer, schedule, order)
    if not state["history"]:
        first = {"epoch": 0, "train_loss": math.nan, **validate(), "learning_rate": 0.0}
        state["history"].append(first)

    for epoch in range(len(state["history"]), settings.epochs + 1):
        if hasattr(batches.sampler, "set_epoch"):  # all processes draw the same order
            batches.sampler.set_epoch(epoch)
        assert schedule is not None  # there are epochs
        model.train()
        total = torch.zeros((), dtype=torch.float64, device=fabric.device)
        bar = tqdm(
            batches,
            desc=f"{progress} epoch {epoch}/{settings.epochs}",
            # None: only on a terminal; in a log file the line per epoch says enough.
            disable=None if progress and fabric.global_rank == 0 else True,
            leave=False,
        )
        for inputs, labels in bar:
            if settings.horizontal_flip:
                inputs = _flip_at_random(inputs)
            loss = objective.loss(model(inputs.contiguous(memory_format=layout)), labels)
            optimizer.zero_grad()
            fabric.backward(loss)
            if settings.clip_norm is not None:
                fabric.clip_gradients(model, optimizer, max_norm=settings.clip_norm)
            optimizer.step()
            schedule.step()
            total += loss.detach()
        train_loss = _reduced(fabric, total / len(batches), "mean").item()
        rate = float(schedule.get_last_lr()[0])
        row = {"epoch": epoch, "train_loss": train_loss, **validate(), "learning_rate": rate}
        measured = [
            train_loss,
            *(row[f"validation_{n}"] for n in objective.reported if validation is not None),
        ]
        if not all(map(math.isfinite, measured)):
            raise RuntimeError(
                f"the training diverged in epoch {epoch}, with a training loss of {train_loss}, at "
                f"a learning rate of up to {settings.learning_rate}: lower learning_rate or set "
                "clip_norm"
            )
        shown = [f"train loss {train_loss:.4f}"]
        if validation is not None:
            shown += [f"validation {n} {row[f'validation_{n}']:.4f}" for n in objective.reported]
        logger.info(
            "%s epoch %d/%d: %s",
            progress or "training",
            epoch,
            settings.epochs,
            ", ".join(shown),
        )
        if validation is None or objective.is_better(row, state["history"]):
            state["best_epoch"], state["best"] = epoch, _snapshot(inner)
        state["history"].append(row)
        if checkpoint is not None:
            _write_checkpoint(state, checkpoint, fabric, inner, optimizer, schedule, order)

    inner.load_state_dict(state["best"])
    inner.to(memory_format=torch.contiguous_format)
    if checkpoint is not None and fabric.global_rank == 0:
        checkpoint.unlink(missing_ok=True)
    return TrainingResult(state["history"], state["best_epoch"])


def _snapshot(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def _write_checkpoint(
    state: Mapping[str, Any],
    path: Path,
    fabric: Fabric,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    order: torch.Generator,
) -> None:
    # Written next to it and renamed, so that an interruption leaves the previous epoch and not a
    # truncated file.
    partial = path.with_name(path.name + ".partial")
    fabric.save(
        partial,
        {
            **state,
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "schedule": schedule.state_dict(),
            "order": order.get_state(),
            "random": _random_state(fabric.device),
        },
    )
    if fabric.global_rank == 0:
        partial.replace(path)
    fabric.barrier()


def _resume(
    state: dict[str, Any],
    path: Path,
    fabric: Fabric,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler | None,
    order: torch.Generator,
) -> None:
    try:
        saved = fabric.load(path, weights_only=True)
    except Exception as error:  # a torn or foreign file: torch raises half a dozen types here
        logger.warning("%s cannot be read (%s): training starts from scratch", path, error)
        return
    if saved.get("identity") != state["identity"]:
        logger.warning("%s belongs to other settings: training starts from scratch", path)
        return
    model.load_state_dict(saved["model"])
    optimizer.load_state_dict(saved["optimizer"])
    if schedule is not None:
        schedule.load_state_dict(saved["schedule"])
    order.set_state(saved["order"].cpu())
    _restore_random_state(saved["random"], fabric.device)
    for key in ("history", "best_epoch", "best"):
        state[key] = saved[key]
    logger.info("resuming after epoch %d from %s", len(state["history"]) - 1, path)
