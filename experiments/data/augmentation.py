"""Random parts of training images.

Every draw is a function of the seed of the training, the epoch and the index of the image. A result
therefore depends neither on the number of worker processes or devices, nor on where a training was
interrupted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from experiments.data.preprocessing import Preprocessing
from experiments.data.tensors import Batches
from experiments.seeds import job_seed

__all__ = ["AugmentedImages", "Images"]


class Images(Protocol):
    """Labelled images of any size, read one by one."""

    labels: Tensor
    """int64 (N,)."""

    def __len__(self) -> int:
        """Return the number of images."""
        ...

    def read(self, index: int) -> Tensor:
        """Return one image, uint8 (C, H, W), grey or RGB."""
        ...


class AugmentedImages(Batches):
    """Random parts of images, as the published trainings on ImageNet take them.

    Every image is cut at random and resized by torchvision's ``RandomResizedCrop``: 8 to 100 % of
    its area, with an aspect ratio of 3/4 to 4/3. `for_epoch` chooses the draws; without it they are
    those of seed 0, epoch 0. Mirroring is left to
    `experiments.data.mirroring`.

    Parameters
    ----------
    images : Images
        To read from, in the process that asks for a batch.
    preprocessing : Preprocessing
        Of the network; only its normalisation is applied.
    size : int
        Side of the square inputs, pixels.
    """

    def __init__(self, images: Images, preprocessing: Preprocessing, size: int) -> None:
        # See `experiments.data.decoding` for why it is imported here.
        from torchvision.transforms import v2

        self.images, self.preprocessing, self.size = images, preprocessing, size
        self._seed = self._epoch = 0
        self._crop = v2.RandomResizedCrop(size, antialias=True)

    def for_epoch(self, seed: int, epoch: int) -> AugmentedImages:
        """Return the same images with the random parts of one epoch."""
        view = AugmentedImages(self.images, self.preprocessing, self.size)
        view._seed, view._epoch = seed, epoch
        return view

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.images)

    def __getitems__(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Return normalised inputs (n, C, size, size) and labels (n,)."""
        chosen = [int(index) for index in indices]
        # torchvision draws from the global random state and takes no other.
        with torch.random.fork_rng(devices=[]):
            cut = torch.stack([self._cut(index) for index in chosen])
        return self.preprocessing.normalise(cut), self.images.labels[chosen]

    def _cut(self, index: int) -> Tensor:
        image = self.images.read(index)
        own = job_seed(self._seed, "crop", str(self._epoch), str(index))
        # Not torch.manual_seed, which would also set the states of the GPUs back.
        torch.default_generator.manual_seed(own)
        return self._crop(image)
