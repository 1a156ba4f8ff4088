"""Images of any source as one network takes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from experiments.data.index import spread
from experiments.data.preprocessing import Preprocessing
from experiments.data.tensors import Batches

__all__ = ["ImageSource", "NetworkImages"]


class ImageSource(Protocol):
    """Byte images with labels, such as `StoredImages` and `FileImages`."""

    labels: Tensor
    facts: dict[str, Any]

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
    ) -> None:
        self.source, self.preprocessing, self.outputs = source, preprocessing, outputs
        self.classes: Tensor = source.labels
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

    def pixels(self, indices: Sequence[int] | Tensor) -> Tensor:
        """Return the bytes of some images, uint8 (n, C, H, W)."""
        return self.source.__getitems__(indices)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Return one normalised image (C, H, W) and its label."""
        inputs, labels = self.__getitems__([index])
        return inputs[0], labels[0]

    def __getitems__(self, indices: Sequence[int] | Tensor) -> tuple[Tensor, Tensor]:
        """Return a normalised batch, float32 (n, C, H, W), and its labels, int64 (n,)."""
        chosen = torch.as_tensor(indices, dtype=torch.int64)
        return self.preprocessing.normalise(self.pixels(chosen)), self.labels[chosen]

    @property
    def shape(self) -> tuple[int, ...]:
        """Channels, height and width of an input."""
        return tuple(self.pixels([0]).shape[1:])

    def class_names(self, indices: Sequence[int]) -> list[str]:
        """Return the names of the classes of some images, for readers."""
        names = self.source.facts["class_names"]
        return [names[label] for label in self.classes[list(indices)].tolist()]

    def choose(self, n_images: int | None) -> Sequence[int]:
        """Return the indices of at most so many images.

        They are evenly spread over images that are sorted by class, as those of folders are;
        otherwise they are the first ones.

        Parameters
        ----------
        n_images : int or None
            How many, if there are so many; None for all.
        """
        if n_images is None or n_images >= len(self):
            return range(len(self))
        if self.source.facts.get("sorted_by_class", False):
            return spread(len(self), n_images)
        return range(n_images)
