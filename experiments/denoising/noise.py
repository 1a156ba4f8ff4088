"""Images with Gaussian noise, as inputs of a net that restores them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from experiments.data.mirroring import Mirrored
from experiments.data.tensors import Batches, ImageTensors
from experiments.seeds import job_seed

__all__ = ["GREY_LEVELS", "Noisy", "grey_values", "standard_noise"]

GREY_LEVELS = 255
"""Noise is given as a standard deviation in grey levels, of which an image has so many above 0."""


def grey_values(images: ImageTensors) -> ImageTensors:
    """Return the same images with values from 0 to 1: what is scaled is the distance from black."""
    n_channels = images.images.shape[1]
    return ImageTensors(images.images, images.labels, [0.0] * n_channels, [1.0] * n_channels)


def standard_noise(shape: Sequence[int], seed: int, index: int) -> Tensor:
    """Draw the noise of one image, of standard deviation 1: a function of seed and index alone."""
    return torch.randn(*shape, generator=_generator(seed, index))


class Noisy(Batches):
    """Noisy images and, as their labels, the images themselves; other noise in every epoch.

    The standard deviation of the noise of an image is uniform between 0 and a largest. The noise
    is a function of seed, epoch and image alone. It is not clipped, since a clipped image would not
    scale with its contrast.

    Parameters
    ----------
    images : Batches
        Grey values (n, C, H, W) from 0 to 1.
    largest : float
        Standard deviation, in grey levels.
    seed : int
        Of the noise outside of a training.
    mirror : bool
        Whether a training mirrors a random half of the images left to right.
    """

    def __init__(self, images: Batches, largest: float, seed: int, mirror: bool = False) -> None:
        self._images, self._largest, self._seed, self._mirror = images, largest, seed, mirror

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._images)

    def __getitems__(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Return noisy and clean images, both (n, C, H, W)."""
        clean, _ = self._images.__getitems__(indices)
        noise = torch.empty_like(clean)
        for row, index in enumerate(indices):
            generator = _generator(self._seed, int(index))
            size = self._largest / GREY_LEVELS * torch.rand((), generator=generator)
            noise[row] = size * torch.randn(clean.shape[1:], generator=generator)
        return clean + noise, clean

    def for_epoch(self, seed: int, epoch: int) -> Batches:
        """Return the images of an epoch, with its own noise."""
        images = self._images.for_epoch(seed, epoch)
        if self._mirror:
            images = Mirrored(images, seed, epoch)
        return Noisy(images, self._largest, job_seed(seed, "noise", str(epoch)))


def _generator(seed: int, index: int) -> torch.Generator:
    return torch.Generator().manual_seed(job_seed(seed, str(index)))
