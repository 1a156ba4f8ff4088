"""Inputs and labels in batches, and images held in memory as bytes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import torch
from torch.utils.data import DataLoader, Dataset

from experiments.processes import end_with_parent

__all__ = [
    "Batches",
    "ImageTensors",
    "consecutive",
    "first_of_classes",
    "load_batches",
    "loader",
]


class Batches(Dataset[tuple[torch.Tensor, torch.Tensor]], ABC):
    """Inputs and labels that are handed out in batches."""

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of inputs."""

    @abstractmethod
    def __getitems__(self, indices: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return inputs (n, ...) and labels (n, ...)."""

    def for_epoch(self, seed: int, epoch: int) -> Batches:
        """Return the data as a training sees them in one epoch; by default the same in each.

        Parameters
        ----------
        seed : int
            Of the training.
        epoch : int
            From 1.
        """
        return self


class ImageTensors(Batches):
    """Images and labels in memory; a batch is indexed and normalised in one step.

    Parameters
    ----------
    images : torch.Tensor
        uint8 (N, C, H, W).
    labels : torch.Tensor
        int64 (N,).
    mean, std : sequence of float
        Normalisation per channel, in units of the full range (0 to 1).

    Raises
    ------
    ValueError
        If images and labels do not belong together, or the images are not bytes.
    """

    def __init__(
        self,
        images: torch.Tensor,
        labels: torch.Tensor,
        mean: Sequence[float],
        std: Sequence[float],
    ) -> None:
        if images.dtype != torch.uint8 or images.ndim != 4:
            raise ValueError(
                f"images must be uint8 (N, C, H, W), got {images.dtype} {tuple(images.shape)}"
            )
        if labels.shape != images.shape[:1]:
            raise ValueError(f"{len(images)} images but labels of shape {tuple(labels.shape)}")
        if not len(mean) == len(std) == images.shape[1]:
            raise ValueError(
                f"{images.shape[1]} channels need as many means and standard deviations, "
                f"got {len(mean)} and {len(std)}"
            )
        self.images, self.labels = images, labels.to(torch.int64)
        self.classes = self.labels  # of the data set, which are also the outputs of its networks
        self.mean, self.std = tuple(mean), tuple(std)

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return one normalised image (C, H, W) and its label."""
        inputs, labels = self.__getitems__([index])
        return inputs[0], labels[0]

    def __getitems__(self, indices: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return a normalised batch (n, C, H, W) and its labels (n,), as a `loader` asks for it."""
        chosen = torch.as_tensor(indices)
        mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (self.mean, self.std))
        return (self.images[chosen] / 255.0 - mean) / std, self.labels[chosen]


class _OfClasses(Protocol):
    classes: torch.Tensor


def first_of_classes(data: _OfClasses, n_classes: int) -> list[int]:
    """Return the index of the first image of each of the first classes, an unbiased choice.

    Parameters
    ----------
    data : ImageTensors or NetworkImages
        Images with the labels of their data set, ``classes``.
    n_classes : int
        The first so many of the classes that have images, in the order of their labels.

    Raises
    ------
    ValueError
        If fewer classes have images.
    """
    present = data.classes.unique().tolist()
    if len(present) < n_classes:
        raise ValueError(
            f"there are images of {len(present)} classes instead of {n_classes}: raise limit_images"
        )
    return [int((data.classes == label).nonzero()[0]) for label in present[:n_classes]]


def _as_is(batch: object) -> object:
    return batch


def loader(dataset: Batches, batch_size: int) -> DataLoader[tuple[torch.Tensor, torch.Tensor]]:
    """Iterate over a data set in its own order, in batches that are indexed as a whole.

    Parameters
    ----------
    dataset : Batches
        Inputs and labels.
    batch_size : int
        Inputs per batch.
    """
    return load_batches(dataset, consecutive(range(len(dataset)), batch_size))


def consecutive(indices: range, batch_size: int) -> list[range]:
    """Cut indices into batches; the last may be smaller."""
    return [indices[start : start + batch_size] for start in range(0, len(indices), batch_size)]


def load_batches(
    dataset: Batches,
    batches: Iterable[Any],
    workers: int = 0,
    pin_memory: bool = False,
) -> DataLoader[tuple[torch.Tensor, torch.Tensor]]:
    """Iterate over given batches of a data set.

    The global random state is left alone, so that neither the number of workers nor a pass over
    other data changes what a network draws for its dropout.

    Parameters
    ----------
    dataset : Batches
        Inputs and labels.
    batches : iterable of sequence of int
        The indices of every batch.
    workers : int
        Processes that read ahead; 0 reads in this one.
    pin_memory : bool
        Whether to prepare the batches for a fast copy to a GPU.
    """
    return DataLoader(
        dataset,
        batch_sampler=batches,
        num_workers=workers,
        pin_memory=pin_memory,
        collate_fn=_as_is,  # __getitems__ has already stacked the batch
        # The default draws the seeds of the workers from the global random state.
        generator=torch.Generator(),
        # Other start methods import the main program again, and that of a job is its script.
        multiprocessing_context="fork" if workers else None,
        worker_init_fn=end_with_parent,
    )
