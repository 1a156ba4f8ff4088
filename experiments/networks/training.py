"""The loop of a training on Lightning Fabric, and the choice of the best epoch.

Devices, mixed precision and the exchange between processes are Fabric's.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins import Precision
from torch import Tensor, nn
from tqdm.auto import tqdm

from experiments.data.mirroring import Mirrored
from experiments.data.order import EpochBatches, epoch_order
from experiments.data.tensors import Batches, consecutive, load_batches
from experiments.networks.launch import launch_fabric
from experiments.networks.mixup import draw_share, mix, partners
from experiments.networks.objective import CLASSIFICATION, Objective
from experiments.networks.optimisation import make_optimizer, make_schedule
from experiments.networks.resumption import Progress, SafetyCopy, Stateful, parameter_digest
from experiments.networks.settings import TrainingSettings
from experiments.seeds import job_seed

__all__ = ["DivergenceError", "TrainingResult", "train"]

logger = logging.getLogger(__name__)

# Images per forward pass of a validation: memory and speed, not the result.
_EVALUATED = 100


class DivergenceError(RuntimeError):
    """The loss of a training, or a number that it is judged by, is no longer finite."""


@dataclass(frozen=True)
class TrainingResult:
    """History and outcome of a training.

    Attributes
    ----------
    history : list of dict
        One row per epoch: ``epoch`` (0 is the network before training), ``train_loss`` (nats; NaN
        for epoch 0), the numbers that the objective reports, such as ``validation_loss`` (nats) and
        ``validation_top1`` (percent), ``learning_rate`` (of the weights, at the end of the epoch),
        ``images_per_second`` (training inputs over the time of the epoch without its validation;
        NaN for epoch 0). NaN without validation data.
    best_epoch : int
        The epoch whose parameters the network now has: the best by the objective, the first of
        equals; without validation the last.
    rank : int
        Of this process: if every one of several processes gets the result, 0 writes it.
    """

    history: list[dict[str, float]]
    best_epoch: int
    rank: int = 0


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
    identity: Mapping[str, Any] | None = None,
    checkpoint_minutes: float = 10.0,
) -> TrainingResult:
    """Train a network in place and leave it with the parameters of its best epoch.

    The epoch is selected on ``validation_data``, which must be split off the *training* data:
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
        Seeds the order of the images, their augmentation, and the dropout of every process. The
        global random state of the caller is left as it was.
    fabric : lightning_fabric.Fabric, optional
        A launched Fabric, which determines devices, precision and processes; the CPU in float32 by
        default.
    checkpoint : str or Path, optional
        A file written every `checkpoint_minutes` and after every epoch. If it exists when training
        starts and belongs to the same training, that resumes from it, on the processor to the same
        bits. It stays: call `experiments.networks.resumption.discard_checkpoint` once the result is
        stored.
    progress : str, optional
        Label of a progress bar; by default no bar is shown.
    objective : Objective
        The loss, and the criterion for the best epoch; by default that of a classification.
    identity : mapping, optional
        Whatever else the result depends on, JSON-serialisable: the builder of the network and its
        arguments, the digests of the data. A checkpoint with another identity is not used.
    checkpoint_minutes : float
        Time between two checkpoints within an epoch.

    Returns
    -------
    TrainingResult
        The history and the best epoch.

    Raises
    ------
    ValueError
        If there are fewer training inputs than one batch, or if a batch cannot be divided among the
        processes and passes.
    DivergenceError
        If the training diverges, with the epoch and the learning rate.
    """
    fabric = fabric or launch_fabric(torch.device("cpu"))
    settings.check(len(training_data), fabric.world_size)
    known = {
        # The processes that read the images do not change the result.
        "settings": {name: each for name, each in asdict(settings).items() if name != "workers"},
        "seed": seed,
        "images": [len(training_data), None if validation_data is None else len(validation_data)],
        "start": parameter_digest(model),
        "objective": [_name(objective.loss), objective.chooses, objective.largest],
        "precision": fabric.strategy.precision.precision,
        "device": fabric.device.type,
        "processes": fabric.world_size,
        "torch": torch.__version__,
        "identity": dict(identity or {}),
    }
    cuda = [fabric.device] if fabric.device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        torch.manual_seed(job_seed(seed, "process", str(fabric.global_rank)))
        training = _Training(
            model, training_data, validation_data, settings, seed, fabric, objective, progress
        )
        path = None if checkpoint is None else Path(checkpoint)
        copy = SafetyCopy(path, fabric, known, training.parts, checkpoint_minutes)
        return training.run(copy)


def _name(function: object) -> str:
    return getattr(function, "__qualname__", type(function).__qualname__)


class _InPrecision(nn.Module):
    """A network in the precision of Fabric, without the exchange between processes.

    For evaluations: the parts of the data that the processes see can differ in their number of
    batches.
    """

    def __init__(self, model: nn.Module, precision: Precision) -> None:
        super().__init__()
        self.model, self._precision = model, precision

    def forward(self, inputs: Tensor) -> Tensor:
        with self._precision.forward_context():
            outputs = self.model(self._precision.convert_input(inputs))
        return self._precision.convert_output(outputs)


class _Training:
    """A training under way.

    Attributes
    ----------
    parts : dict
        Whatever has a state that the training continues from.
    """

    def __init__(
        self,
        model: nn.Module,
        training_data: Batches,
        validation_data: Batches | None,
        settings: TrainingSettings,
        seed: int,
        fabric: Fabric,
        objective: Objective,
        label: str | None,
    ) -> None:
        self._data, self._settings, self._seed = training_data, settings, seed
        self._fabric, self._objective, self._label = fabric, objective, label
        self._steps = len(training_data) // settings.batch_size
        self._layout = torch.channels_last if settings.channels_last else torch.contiguous_format
        self._inner = model.to(memory_format=self._layout)
        optimizer = make_optimizer(model, settings)
        compiled: Any = torch.compile(model) if settings.compile else model
        self._model, self._optimizer = fabric.setup(compiled, optimizer)
        precision = fabric.strategy.precision
        self.parts: dict[str, Stateful] = {
            "model": model,
            "optimizer": optimizer,
            "precision": precision,
        }
        if settings.epochs:
            self._schedule = make_schedule(optimizer, settings, self._steps)
            self.parts["schedule"] = self._schedule
        self._evaluated = _InPrecision(model, precision)
        self._validation = None
        if validation_data is not None:
            own = range(fabric.global_rank, len(validation_data), fabric.world_size)
            batches = consecutive(own, _EVALUATED)
            self._validation = self._load(validation_data, batches)
        loss = torch.zeros((), dtype=torch.float64, device=fabric.device)
        self._progress = Progress([], 0, self._snapshot(), loss)

    def run(self, copy: SafetyCopy) -> TrainingResult:
        """Train all epochs, from where the safety copy was written if there is one."""
        progress = self._progress
        copy.restore(progress, self._settings.epochs)
        if not progress.history:
            row = {"epoch": 0, "train_loss": math.nan, **self._validate(), "learning_rate": 0.0}
            progress.history.append({**row, "images_per_second": math.nan})
        while progress.epoch <= self._settings.epochs:
            self._train_epoch(copy)
            self._close_epoch()
            copy.write(progress)
        self._inner.load_state_dict(progress.best)
        self._inner.to(memory_format=torch.contiguous_format)
        return TrainingResult(progress.history, progress.best_epoch, self._fabric.global_rank)

    def _load(self, data: Batches, batches: Any) -> Any:
        pin_memory = self._fabric.device.type == "cuda"
        return load_batches(data, batches, self._settings.workers, pin_memory)

    def _passes(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield what this process reads in the rest of the epoch, on its device."""
        epoch, settings, fabric = self._progress.epoch, self._settings, self._fabric
        data = self._data.for_epoch(self._seed, epoch)
        if settings.horizontal_flip:
            data = Mirrored(data, self._seed, epoch)
        batches = EpochBatches(
            epoch_order(self._seed, epoch, len(data)),
            settings.batch_size,
            settings.accumulate,
            fabric.global_rank,
            fabric.world_size,
            self._progress.steps,
        )
        for inputs, labels in self._load(data, batches):
            yield (
                inputs.to(fabric.device, non_blocking=True),
                labels.to(fabric.device, non_blocking=True),
            )

    def _train_epoch(self, copy: SafetyCopy) -> None:
        """Train the rest of an epoch."""
        progress = self._progress
        self._model.train()
        passes = self._passes()
        bar = tqdm(
            range(progress.steps, self._steps),
            desc=f"{self._label} epoch {progress.epoch}/{self._settings.epochs}",
            initial=progress.steps,
            total=self._steps,
            # None: only on a terminal; in a log file the line per epoch says enough.
            disable=None if self._label and self._fabric.is_global_zero else True,
            leave=False,
        )
        start = time.perf_counter() - progress.seconds
        for step in bar:
            progress.loss += self._step(passes, step)
            progress.steps = step + 1
            if progress.steps < self._steps and copy.is_due(progress.steps):
                progress.seconds = time.perf_counter() - start
                copy.write(progress)
        progress.loss.item()  # waits for a GPU
        progress.seconds = time.perf_counter() - start

    def _step(self, passes: Iterator[tuple[Tensor, Tensor]], step: int) -> Tensor:
        """Update the network once; return the loss ()."""
        settings, fabric = self._settings, self._fabric
        share = None
        if settings.mixup is not None:
            share = draw_share(settings.mixup, self._seed, self._progress.epoch, step)
        losses = []
        self._optimizer.zero_grad()
        for left in reversed(range(settings.accumulate)):
            inputs, labels = next(passes)
            with fabric.no_backward_sync(self._model, enabled=left > 0):
                loss = self._loss(inputs, labels, share) / settings.accumulate
                fabric.backward(loss)
            losses.append(loss.detach())
        if settings.clip_norm is not None:
            # A training that diverges ends with the error that says so, after the epoch.
            fabric.clip_gradients(
                self._model,
                self._optimizer,
                max_norm=settings.clip_norm,
                error_if_nonfinite=False,
            )
        self._optimizer.step()
        self._schedule.step()
        return sum(losses[1:], losses[0])

    def _loss(self, inputs: Tensor, labels: Tensor, share: float | None) -> Tensor:
        if share is not None:
            inputs = mix(inputs, share)
        logits = self._model(inputs.contiguous(memory_format=self._layout))
        loss = self._objective.loss(logits, labels)
        if share is None:
            return loss
        return share * loss + (1 - share) * self._objective.loss(logits, partners(labels))

    def _validate(self) -> dict[str, float]:
        reported = self._objective.reported
        measured = dict.fromkeys(reported, math.nan)
        if self._validation is not None:
            measured = self._objective.evaluate(
                self._evaluated,
                self._validation,
                self._fabric.device,
                lambda sums: self._reduced(sums, "sum"),
            )
        return {f"validation_{name}": measured[name] for name in reported}

    def _close_epoch(self) -> None:
        """Judge an epoch, and turn to the next."""
        progress, settings = self._progress, self._settings
        epoch = progress.epoch
        train_loss = self._reduced(progress.loss / self._steps, "mean").item()
        validated = self._validate()
        row = {
            "epoch": epoch,
            "train_loss": train_loss,
            **validated,
            "learning_rate": float(self._schedule.get_last_lr()[0]),
            "images_per_second": self._steps * settings.batch_size / progress.seconds,
        }
        judged = [train_loss, *(validated.values() if self._validation is not None else ())]
        if not all(map(math.isfinite, judged)):
            raise DivergenceError(
                f"the training diverged in epoch {epoch}, with a training loss of {train_loss}, at "
                f"a learning rate of up to {settings.learning_rate}: lower learning_rate or "
                f"{'set' if settings.clip_norm is None else 'lower'} clip_norm"
            )
        shown = [f"train loss {train_loss:.4f}"]
        if self._validation is not None:
            shown += [f"{name.replace('_', ' ')} {value:.4f}" for name, value in validated.items()]
        logger.info(
            "%s epoch %d/%d: %s, %.0f images per second",
            self._label or "training",
            epoch,
            settings.epochs,
            ", ".join(shown),
            row["images_per_second"],
        )
        if self._validation is None or self._objective.is_better(row, progress.history):
            progress.best_epoch, progress.best = epoch, self._snapshot()
        progress.history.append(row)
        progress.epoch, progress.steps, progress.seconds = epoch + 1, 0, 0.0
        progress.loss.zero_()

    def _snapshot(self) -> dict[str, Tensor]:
        return {name: value.detach().clone() for name, value in self._inner.state_dict().items()}

    def _reduced(self, value: Tensor, how: Literal["mean", "sum"]) -> Tensor:
        reduced = self._fabric.all_reduce(value, reduce_op=how)
        assert isinstance(reduced, Tensor)  # as the value is
        return reduced
