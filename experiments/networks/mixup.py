"""Mixup: training on weighted means of pairs of images (Zhang et al. 2018).

The published training of ResNet-50 (Fixup) mixes every image with the one that a random permutation
of its batch puts in its place. Here neighbours of the batch are exchanged, images 2k and 2k + 1. As
the order of the images is random, the pairs are, too; and they are the same pairs however the batch
is divided among processes and passes, without any exchange between them. Unlike there, no image is
mixed with itself.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from experiments.seeds import job_seed

__all__ = ["draw_share", "mix", "partners"]


def draw_share(alpha: float, seed: int, epoch: int, step: int) -> float:
    """Draw the share of the first image of all pairs of a batch from Beta(alpha, alpha).

    Parameters
    ----------
    alpha : float
        Of the distribution; the published training has 0.7.
    seed : int
        Of the training.
    epoch, step : int
        The epoch from 1, the step in it from 0.

    Returns
    -------
    float
        0 to 1.
    """
    own = job_seed(seed, "mixup", str(epoch), str(step))
    return float(np.random.default_rng(own).beta(alpha, alpha))


def partners(values: Tensor) -> Tensor:
    """Exchange neighbours: images or labels (n, ...), with even n, by those they are mixed with."""
    return values.unflatten(0, (-1, 2)).flip(1).flatten(0, 1)


def mix(inputs: Tensor, share: float) -> Tensor:
    """Return ``share * inputs + (1 - share) * partners(inputs)``."""
    return share * inputs + (1 - share) * partners(inputs)
