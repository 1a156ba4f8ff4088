"""Training of the network on sequences, and its AUROC."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F

from experiments.data.tensors import Batches
from experiments.genomics.sequences import one_hot
from experiments.networks.objective import Objective
from experiments.networks.settings import TrainingSettings
from experiments.networks.training import TrainingResult, train
from experiments.roc_auc import roc_auc
from xgradient.homogeneous import evaluation_mode

__all__ = ["predict", "task_auroc", "train_genomics_convnet"]

# Sequences per forward pass of an evaluation: memory and speed, not the result.
_EVALUATED = 200


class _Sequences(Batches):
    """Sequences and their labels, handed out one-hot."""

    def __init__(self, sequences: Tensor, labels: Tensor) -> None:
        self.sequences, self.labels = sequences, labels

    def __len__(self) -> int:
        return len(self.sequences)

    def __getitems__(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        chosen = torch.as_tensor(indices)
        return one_hot(self.sequences[chosen]), self.labels[chosen].float()


def train_genomics_convnet(
    model: nn.Module,
    sequences: Tensor,
    labels: Tensor,
    validation_sequences: Tensor,
    validation_labels: Tensor,
    epochs: int,
    batch_size: int = 100,
    learning_rate: float = 1e-3,
    seed: int = 0,
    progress: str | None = None,
    fabric: Fabric | None = None,
    checkpoint: str | Path | None = None,
    identity: Mapping[str, Any] | None = None,
) -> TrainingResult:
    """Train a network in place and leave it with the parameters of its best epoch.

    Adam with one cycle of the learning rate on the mean binary cross-entropy over the tasks. The
    epoch is selected by the loss on the validation sequences, which still falls where the AUROC,
    which depends on the order alone, no longer changes.

    Parameters
    ----------
    model : torch.nn.Module
        Maps one-hot sequences (N, 4, length) to logits (N, tasks).
    sequences, validation_sequences : torch.Tensor
        Base indices, shape (N, length), int64.
    labels, validation_labels : torch.Tensor
        Zeros and ones, shape (N, tasks).
    epochs : int
        Passes over the sequences.
    batch_size : int, optional
        Sequences per step.
    learning_rate : float, optional
        The largest of the cycle.
    seed, progress, fabric, checkpoint, identity
        As in `experiments.networks.training.train`.

    Returns
    -------
    TrainingResult
        The history, with ``validation_loss`` (nats per task) and ``validation_auroc`` (mean over
        the tasks), and the best epoch.

    Raises
    ------
    ValueError
        If there are fewer sequences than one batch, or if the validation sequences have one label
        only in some task.
    RuntimeError
        If the loss or a validation logit is no longer finite, with the learning rate.
    """
    settings = TrainingSettings(
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        weight_decay=0.0,
        clip_norm=None,
        horizontal_flip=False,  # a reversed sequence is a different one
        channels_last=False,
    )
    result = train(
        model,
        _Sequences(sequences, labels),
        _Sequences(validation_sequences, validation_labels),
        settings,
        seed,
        fabric,
        checkpoint,
        progress,
        MOTIFS_PRESENT,
        identity,
    )
    model.eval()
    return result


def predict(model: nn.Module, sequences: Tensor) -> Tensor:
    """Evaluate a network on sequences.

    Parameters
    ----------
    model : torch.nn.Module
        Maps one-hot sequences (N, 4, length) to logits (N, tasks); left in evaluation mode.
    sequences : torch.Tensor
        Base indices, shape (N, length), int64.

    Returns
    -------
    torch.Tensor
        Logits, shape (N, tasks), on the CPU.
    """
    device = next(model.parameters()).device
    model.eval()
    with torch.no_grad():
        parts = [model(one_hot(part).to(device)).cpu() for part in sequences.split(_EVALUATED)]
    return torch.cat(parts)


def task_auroc(model: nn.Module, sequences: Tensor, labels: Tensor) -> Tensor:
    """Measure the area under the receiver operating characteristic of every task.

    Parameters
    ----------
    model, sequences
        As for `predict`.
    labels : torch.Tensor
        Zeros and ones, shape (N, tasks).

    Returns
    -------
    torch.Tensor
        0 to 1, shape (tasks,), float64.

    Raises
    ------
    ValueError
        If a task has sequences of one label only.
    """
    return roc_auc(predict(model, sequences).T, labels.T)


def _evaluate(
    model: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    device: torch.device,
    sum_over_processes: Callable[[Tensor], Tensor],
) -> dict[str, float]:
    with torch.no_grad(), evaluation_mode(model):
        parts = [(model(inputs.to(device)).cpu(), labels.cpu()) for inputs, labels in batches]
    logits, labels = (torch.cat(tensors) for tensors in zip(*parts, strict=True))
    loss = F.binary_cross_entropy_with_logits(logits, labels)
    # Diverged outputs cannot be ranked.
    areas = roc_auc(logits.T, labels.T).mean().item() if logits.isfinite().all() else math.nan
    # Of several processes each ranks its own part of the sequences.
    n_sequences = len(labels)
    sums = [loss.item() * n_sequences, n_sequences, areas, 1]
    values = torch.tensor(sums, dtype=torch.float64, device=device)
    loss_sum, n_sequences, areas, n_processes = sum_over_processes(values).tolist()
    return {"loss": loss_sum / n_sequences, "auroc": areas / n_processes}


MOTIFS_PRESENT = Objective(
    F.binary_cross_entropy_with_logits,
    _evaluate,
    ("loss", "auroc"),
    chooses="loss",
    largest=False,
)
"""Several yes-or-no tasks per sequence; the epoch with the lowest loss."""
