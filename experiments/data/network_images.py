"""Images of any source as one network takes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from experiments.data.index import spread
from experiments.data.preprocessing import Preprocessing
from experiments.data.tensors import Batches

__all__ = ["ImageSource", "NetworkImages"]


class ImageSource(Protocol):
    """Byte images with labels, such as `StoredImages` and `FileImages`."""

    labels: Tensor

    def __len__(self) -> int:
        """Return the number of images."""
        ...

    def __getitems__(self, indices: Sequence[int] | Tensor) -> Tensor:
        """Return uint8 (n, C, H, W), in the order of the indices."""
        ...


class NetworkImages(Batches):
    """Images in the space of a network, with labels among its outputs.

    Parameters
    ----------
    source : ImageSource
        The images, with the labels of their data set.
    preprocessing : Preprocessing
        Of the network.
    outputs : torch.Tensor, optional
        int64 (classes,), output of the network for each class of the data set; by default they are
        the same.
    indices : torch.Tensor, optional
        int64 (N,), which of the images, in order; by default all of them.

    Raises
    ------
    ValueError
        If a class of the images has no output.
    """

    def __init__(
        self,
        source: ImageSource,
        preprocessing: Preprocessing,
        outputs: Tensor | None = None,
        indices: Tensor | None = None,
    ) -> None:
        self.source, self.preprocessing, self.outputs = source, preprocessing, outputs
        self.indices = indices
        self.classes: Tensor = source.labels if indices is None else source.labels[indices]
        """int64 (N,), labels of the data set."""
        if outputs is not None and len(self.classes) and int(self.classes.max()) >= len(outputs):
            raise ValueError(
                f"class {int(self.classes.max())} among the images, but the network's outputs are "
                f"declared for {len(outputs)} classes"
            )
        self.labels: Tensor = self.classes if outputs is None else outputs[self.classes]
        """int64 (N,), outputs of the network."""

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.classes)

    def _positions(self, indices: Sequence[int] | Tensor) -> Tensor:
        chosen = torch.as_tensor(indices, dtype=torch.int64)
        return chosen if self.indices is None else self.indices[chosen]

    def pixels(self, indices: Sequence[int] | Tensor) -> Tensor:
        """Return the bytes of some images, uint8 (n, C, H, W)."""
        return self.source.__getitems__(self._positions(indices))

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Return one normalised image (C, H, W) and its label."""
        inputs, labels = self.__getitems__([index])
        return inputs[0], labels[0]

    def __getitems__(self, indices: Sequence[int] | Tensor) -> tuple[Tensor, Tensor]:
        """Return a normalised batch, float32 (n, C, H, W), and its labels, int64 (n,)."""
        chosen = torch.as_tensor(indices, dtype=torch.int64)
        return self.preprocessing.normalise(self.pixels(chosen)), self.labels[chosen]

    def subset(self, n_images: int | None, spread_evenly: bool = True) -> NetworkImages:
        """Return some of the images.

        Parameters
        ----------
        n_images : int or None
            How many, or all of them.
        spread_evenly : bool
            Whether they are taken evenly from the whole, see `experiments.data.index.spread`, or
            from its beginning.

        Raises
        ------
        ValueError
            If there are fewer images than requested.
        """
        if n_images is None:
            return self
        evenly = spread(len(self), n_images)  # refuses a number that is too high in any case
        chosen = torch.tensor(evenly if spread_evenly else range(n_images))
        return NetworkImages(self.source, self.preprocessing, self.outputs, self._positions(chosen))
