"""The images that paths start from, by baseline.

Every function takes normalised images (N, C, H, W), their indices in the test set, and `Sources`.
It returns one baseline for all of them (1, C, H, W), one for each (N, C, H, W), or, if attributions
are averaged over several, these (N, R, C, H, W).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from experiments.data.network_images import NetworkImages
from experiments.data.preprocessing import Preprocessing
from experiments.masking.run import blurred
from experiments.seeds import job_seed

__all__ = [
    "Sources",
    "black",
    "blurred_image",
    "training_images",
    "training_mean",
    "uniform_noise",
    "white",
    "zero",
]

# Training images that are read at a time.
_BATCH = 500


class Sources:
    """What baselines are made from.

    Parameters
    ----------
    training_data : NetworkImages
        Images to draw from, as the net takes them.
    settings : mapping
        ``n_steps``, ``mean_images``, ``kernel_size`` and ``sigma`` of the configuration.
    seed : int
        Of random draws, which depend on the baseline and on the image alone.
    """

    def __init__(
        self, training_data: NetworkImages, settings: Mapping[str, Any], seed: int
    ) -> None:
        self.training_data, self.settings, self.seed = training_data, settings, seed

    @property
    def preprocessing(self) -> Preprocessing:
        """How the net takes images."""
        return self.training_data.preprocessing

    def generator(self, key: str, image: int) -> torch.Generator:
        """Return the source of the draws of a baseline for one image."""
        return torch.Generator().manual_seed(job_seed(self.seed, key, str(image)))

    @cached_property
    def mean(self) -> Tensor:
        """Mean (1, C, H, W) of the training images, or of so many of them."""
        chosen = self.training_data.choose(self.settings["mean_images"])
        total = torch.zeros(self.training_data.shape, dtype=torch.float64)
        for start in range(0, len(chosen), _BATCH):
            inputs, _ = self.training_data.__getitems__(chosen[start : start + _BATCH])
            total += inputs.double().sum(0)
        return (total / len(chosen)).float()[None]


def zero(inputs: Tensor, images: Sequence[int], sources: Sources) -> Tensor:
    """Return zero of the normalised space: the mean colour."""
    return torch.zeros_like(inputs[:1])


def black(inputs: Tensor, images: Sequence[int], sources: Sources) -> Tensor:
    """Return zero of the space of grey values."""
    return _flat(0, inputs, sources)


def white(inputs: Tensor, images: Sequence[int], sources: Sources) -> Tensor:
    """Return an image of the largest grey value."""
    return _flat(255, inputs, sources)


def training_mean(inputs: Tensor, images: Sequence[int], sources: Sources) -> Tensor:
    """Return the mean of the training images, pixel by pixel."""
    return sources.mean


def blurred_image(inputs: Tensor, images: Sequence[int], sources: Sources) -> Tensor:
    """Return the images themselves, blurred as for the masking metrics."""
    return blurred(inputs, sources.settings["kernel_size"], sources.settings["sigma"])


def uniform_noise(inputs: Tensor, images: Sequence[int], sources: Sources) -> Tensor:
    """Draw grey values uniformly, another image of noise for every image."""
    noise = [
        torch.randint(
            256,
            inputs.shape[1:],
            generator=sources.generator("uniform_noise", image),
            dtype=torch.uint8,
        )
        for image in images
    ]
    return sources.preprocessing.normalise(torch.stack(noise))


def training_images(inputs: Tensor, images: Sequence[int], sources: Sources) -> Tensor:
    """Draw training images, for every image as many as a path has steps."""
    n_references = sources.settings["n_steps"]
    drawn = [
        torch.randint(
            len(sources.training_data),
            (n_references,),
            generator=sources.generator("expected_gradients", image),
        )
        for image in images
    ]
    return torch.stack([sources.training_data.__getitems__(indices)[0] for indices in drawn])


def _flat(value: int, inputs: Tensor, sources: Sources) -> Tensor:
    """Return an image of one grey value as the net takes it."""
    pixels = torch.full((1, *inputs.shape[1:]), value, dtype=torch.uint8)
    return sources.preprocessing.normalise(pixels)
