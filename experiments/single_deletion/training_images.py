"""Training images of which some have lost a cell."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from experiments.data.tensors import Batches
from experiments.seeds import job_seed
from xgradient.masking import grid_cells

__all__ = ["WithDeletedCells"]


class WithDeletedCells(Batches):
    """Inputs of which a random share has one random cell set to zero, others in every epoch.

    Which inputs and which cells is a function of the seed of the training and the epoch alone.

    Parameters
    ----------
    data : Batches
        Normalised inputs (n, C, H, W) and their labels.
    grid : int
        Cells in each direction.
    share : float
        Of the inputs that lose a cell.
    """

    def __init__(self, data: Batches, grid: int, share: float) -> None:
        self._data, self._grid, self._share = data, grid, share

    def __len__(self) -> int:
        """Return the number of inputs."""
        return len(self._data)

    def __getitems__(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Return complete inputs (n, C, H, W) and their labels."""
        return self._data.__getitems__(indices)

    def for_epoch(self, seed: int, epoch: int) -> Batches:
        """Return the inputs of an epoch."""
        draws = torch.Generator().manual_seed(job_seed(seed, "deleted cells", str(epoch)))
        deleted = torch.rand(len(self), generator=draws) < self._share
        cells = torch.randint(self._grid**2, (len(self),), generator=draws)
        # A number that no cell has deletes nothing.
        cells[~deleted] = self._grid**2
        return _Epoch(self._data.for_epoch(seed, epoch), self._grid, cells)


class _Epoch(Batches):
    def __init__(self, data: Batches, grid: int, cells: Tensor) -> None:
        self._data, self._grid, self._cells = data, grid, cells

    def __len__(self) -> int:
        return len(self._data)

    def __getitems__(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        inputs, labels = self._data.__getitems__(indices)
        height, width = inputs.shape[-2:]
        masks = grid_cells(height, width, self._grid)
        masks = torch.cat([masks, torch.zeros_like(masks[:1])])
        deleted = masks[self._cells[torch.as_tensor(indices)]]
        return inputs.masked_fill(deleted, 0.0), labels
