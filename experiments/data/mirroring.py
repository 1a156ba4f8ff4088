"""Random mirroring of training images.

Which images are mirrored is a function of the seed of the training and the epoch alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from experiments.data.tensors import Batches
from experiments.seeds import job_seed

__all__ = ["Mirrored"]


class Mirrored(Batches):
    """Inputs of which a random half is mirrored left to right in an epoch.

    Parameters
    ----------
    data : Batches
        Inputs (n, C, H, W) and their labels.
    seed : int
        Of the training.
    epoch : int
        From 1.
    """

    def __init__(self, data: Batches, seed: int, epoch: int) -> None:
        draws = torch.Generator().manual_seed(job_seed(seed, "mirror", str(epoch)))
        self._data = data
        self._mirrored = torch.rand(len(data), generator=draws) < 0.5

    def __len__(self) -> int:
        """Return the number of inputs."""
        return len(self._data)

    def __getitems__(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Return inputs (n, C, H, W), mirrored or not, and their labels."""
        inputs, labels = self._data.__getitems__(indices)
        mirrored = self._mirrored[torch.as_tensor(indices)]
        return torch.where(mirrored[:, None, None, None], inputs.flip(-1), inputs), labels
