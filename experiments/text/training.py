"""Training of a net on sentences."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning_fabric import Fabric
from torch import nn

from experiments.networks.settings import TrainingSettings
from experiments.networks.training import TrainingResult, train
from experiments.text.corpus import Corpus

__all__ = ["train_on_sentences"]


def train_on_sentences(
    model: nn.Module,
    corpus: Corpus,
    settings: Mapping[str, Any],
    seed: int,
    progress: str | None = None,
    fabric: Fabric | None = None,
    checkpoint: str | Path | None = None,
    identity: Mapping[str, Any] | None = None,
) -> TrainingResult:
    """Train a net in place and leave it with the parameters of its best epoch.

    AdamW with one cycle of the learning rate on the cross-entropy; the epoch is selected by the
    accuracy on the validation sentences.

    Parameters
    ----------
    model : nn.Module
        Maps vectors (N, D, L) to logits (N, K).
    corpus : Corpus
        Its splits ``train`` and ``validation`` are used.
    settings : mapping
        ``epochs``, ``batch_size``, ``learning_rate`` and ``weight_decay``.
    seed, progress, fabric, checkpoint, identity
        As in `experiments.networks.training.train`.

    Returns
    -------
    TrainingResult
        The history and the best epoch.

    Raises
    ------
    ValueError
        If there are fewer sentences than one batch.
    DivergenceError
        If the training diverges, with the epoch and the learning rate.
    """
    chosen = TrainingSettings.from_mapping(
        # A sentence that is read backwards is another one.
        {**settings, "horizontal_flip": False, "channels_last": False}
    )
    result = train(
        model,
        corpus.splits["train"],
        corpus.splits["validation"],
        chosen,
        seed,
        fabric,
        checkpoint,
        progress,
        identity=identity,
    )
    model.eval()
    return result
