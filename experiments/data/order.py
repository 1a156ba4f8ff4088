"""The order in which a training sees its images: a function of seed and epoch alone."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.utils.data import Sampler

from experiments.seeds import job_seed

__all__ = ["EpochBatches", "epoch_order"]


def epoch_order(seed: int, epoch: int, n_images: int) -> Tensor:
    """Return the order of the images in an epoch.

    Parameters
    ----------
    seed : int
        Of the training.
    epoch : int
        From 1.
    n_images : int
        Images of the training data.

    Returns
    -------
    torch.Tensor
        A permutation of the indices, int64 (n_images,).
    """
    draws = torch.Generator().manual_seed(job_seed(seed, "order", str(epoch)))
    return torch.randperm(n_images, generator=draws)


class EpochBatches(Sampler[list[int]]):
    """The batches that one process reads in an epoch.

    Step t takes the images ``order[t * batch_size : (t + 1) * batch_size]``, whatever the number of
    processes; a last batch that is not full is left out. Every process takes its own consecutive
    part of them, in ``accumulate`` passes of equal size.

    Parameters
    ----------
    order : torch.Tensor
        Indices of all images of the epoch, int64 (N,).
    batch_size : int
        Images per step over all processes.
    accumulate : int
        Passes per step.
    process, processes : int
        The rank of this process, and their number.
    first_step : int
        The step to begin with, from 0. The images of earlier steps are not read.
    """

    def __init__(
        self,
        order: Tensor,
        batch_size: int,
        accumulate: int = 1,
        process: int = 0,
        processes: int = 1,
        first_step: int = 0,
    ) -> None:
        self._steps = range(first_step, len(order) // batch_size)
        self._order, self._batch_size, self._accumulate = order, batch_size, accumulate
        self._process, self._processes = process, processes

    def __len__(self) -> int:
        """Return the number of passes."""
        return len(self._steps) * self._accumulate

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the indices of every pass."""
        own = self._batch_size // self._processes
        for step in self._steps:
            start = step * self._batch_size + self._process * own
            for part in self._order[start : start + own].split(own // self._accumulate):
                yield part.tolist()
