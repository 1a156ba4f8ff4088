"""Training of the network on sequences, and how well it tells the tasks apart."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm.auto import tqdm

from experiments.genomics.sequences import one_hot
from experiments.roc_auc import roc_auc

logger = logging.getLogger(__name__)

# Sequences per forward pass of an evaluation: memory and speed, not the result.
_EVALUATED = 200


@dataclass(frozen=True)
class GenomicsTraining:
    """What a training leaves behind.

    Attributes
    ----------
    history : list of dict
        One row per epoch: ``epoch`` (0 is the network before training), ``train_loss`` (nats per
        task; NaN for epoch 0), ``validation_loss`` (the same) and ``validation_auroc`` (mean over
        the tasks).
    best_epoch : int
        The epoch whose parameters the network now has: the lowest ``validation_loss``, the first
        of equals.
    """

    history: list[dict[str, float]]
    best_epoch: int


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
) -> GenomicsTraining:
    """Train a network in place and leave it with the parameters of its best epoch.

    Adam with one cycle of the learning rate on the mean binary cross-entropy over the tasks. The
    epoch is chosen on the validation sequences, by their loss: it still falls where the AUROC,
    which sees the order alone, stands still.

    Parameters
    ----------
    model : torch.nn.Module
        Maps one-hot sequences (N, 4, length) to logits (N, tasks); it determines the device.
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
    seed : int, optional
        Seeds the order of the sequences and the dropout. The global random state of the caller is
        left as it was.
    progress : str, optional
        Label of a progress bar; none is shown without.

    Returns
    -------
    GenomicsTraining
        The history and the best epoch.

    Raises
    ------
    ValueError
        If there are fewer sequences than one batch, or if the validation sequences have one label
        only in some task.
    RuntimeError
        If the loss or a validation logit is no longer finite, with the epoch and the learning
        rate.
    """
    if len(sequences) < batch_size:
        raise ValueError(
            f"{len(sequences)} training sequences are fewer than one batch of {batch_size}: lower "
            "batch_size"
        )
    device = next(model.parameters()).device
    # The last sequences of an epoch that make no full batch come at another place in the next.
    n_steps = len(sequences) // batch_size
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, learning_rate, total_steps=epochs * n_steps
    )
    history = [{"epoch": 0, "train_loss": math.nan}]
    history[0] |= _scores(predict(model, validation_sequences), validation_labels)
    best, best_epoch = _snapshot(model), 0
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        for epoch in range(1, epochs + 1):
            model.train()
            total = 0.0
            order = torch.randperm(len(sequences))[: n_steps * batch_size].split(batch_size)
            label = f"{progress} epoch {epoch}/{epochs}"
            # None: only on a terminal; in a log file the line per epoch says enough.
            for chosen in tqdm(order, label, disable=None if progress else True, leave=False):
                logits = model(one_hot(sequences[chosen]).to(device))
                loss = F.binary_cross_entropy_with_logits(logits, labels[chosen].to(logits))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                total += loss.item()
            train_loss = total / n_steps
            logits = predict(model, validation_sequences)
            if not (math.isfinite(train_loss) and logits.isfinite().all()):
                raise RuntimeError(
                    f"the training diverged in epoch {epoch}, with a loss of {train_loss}, at a "
                    f"learning rate of up to {learning_rate}: lower learning_rate"
                )
            row = {"epoch": epoch, "train_loss": train_loss}
            row |= _scores(logits, validation_labels)
            logger.info(
                "epoch %d/%d: train loss %.4f, validation loss %.4f, validation AUROC %.4f",
                *(epoch, epochs, *list(row.values())[1:]),
            )
            history.append(row)
            if row["validation_loss"] < history[best_epoch]["validation_loss"]:
                best, best_epoch = _snapshot(model), epoch
    model.load_state_dict(best)
    model.eval()
    return GenomicsTraining(history, best_epoch)


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


def _scores(logits: Tensor, labels: Tensor) -> dict[str, float]:
    loss = F.binary_cross_entropy_with_logits(logits, labels.to(logits))
    areas = roc_auc(logits.T, labels.T)
    return {"validation_loss": loss.item(), "validation_auroc": areas.mean().item()}


def _snapshot(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}
