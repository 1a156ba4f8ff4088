"""The loss of a training, and the criterion for its best epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from experiments.networks.evaluation import evaluate

__all__ = ["CLASSIFICATION", "Objective"]

SumOverProcesses = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Objective:
    """The loss of a training, and the criterion for its best epoch.

    Parameters
    ----------
    loss : callable
        Takes logits (N, K) and labels (N, ...), returns the mean loss.
    evaluate : callable
        Takes the net, batches, the device and a function that adds up a tensor of sums over
        processes; returns numbers by name, ``loss`` among them.
    reported : tuple of str
        Which of these numbers the history has, each as ``validation_NAME``.
    chooses : str
        The one that selects the best epoch.
    largest : bool
        Whether the largest is the best; otherwise it is the smallest.
    """

    loss: Callable[[Tensor, Tensor], Tensor]
    evaluate: Callable[
        [nn.Module, Iterable[tuple[Tensor, Tensor]], torch.device, SumOverProcesses],
        dict[str, float],
    ]
    reported: tuple[str, ...]
    chooses: str
    largest: bool

    def is_better(self, row: Mapping[str, float], past: Iterable[Mapping[str, float]]) -> bool:
        """Whether an epoch is better than all earlier ones."""
        name, sign = f"validation_{self.chooses}", 1 if self.largest else -1
        return all(sign * row[name] > sign * earlier[name] for earlier in past)


CLASSIFICATION = Objective(
    functional.cross_entropy, evaluate, ("loss", "top1"), chooses="top1", largest=True
)
"""One class per input; the epoch with the best top-1 accuracy."""
