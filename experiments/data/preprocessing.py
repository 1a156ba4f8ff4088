"""From the bytes of an image to the input of a network.

Preprocessing belongs to a network, not to a data set: every network was trained in a space of its
own, and the zero of that space is the baseline of its attributions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from experiments.data.views import view_name

__all__ = ["Preprocessing"]


def _per_channel(values: Sequence[float], like: Tensor) -> Tensor:
    return torch.tensor(values, dtype=like.dtype, device=like.device).view(-1, 1, 1)


@dataclass(frozen=True)
class Preprocessing:
    """How a network takes images.

    Parameters
    ----------
    mean, std : tuple of float
        Subtracted from, and divided by, per channel, in the order and in the range that the
        network takes.
    order : {"grey", "RGB", "BGR"}
        Order of the channels.
    full_range : float
        Value of a white pixel before normalisation: 1 or 255.
    resize : int, optional
        The shorter side is brought to this length, pixels; by default images keep their size.
    crop : int, optional
        Side of the square that is cut out of the centre, pixels; by default nothing is cut off.

    Raises
    ------
    ValueError
        If the order is unknown, or mean and standard deviation do not fit it.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    order: str = "RGB"
    full_range: float = 1.0
    resize: int | None = None
    crop: int | None = None

    def __post_init__(self) -> None:
        """Check that there is a value for every channel."""
        if self.order not in ("grey", "RGB", "BGR"):
            raise ValueError(f"order must be grey, RGB or BGR, got {self.order!r}")
        channels = 1 if self.order == "grey" else 3
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) != channels:
                raise ValueError(
                    f"{name} must have {channels} values for {self.order} images, got {values}"
                )
        if not all(value > 0 for value in self.std):
            raise ValueError(f"std must be positive, got {self.std}")

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Preprocessing:
        """Build it from a mapping with lists, as JSON and YAML have it."""
        return cls(**{**values, "mean": tuple(values["mean"]), "std": tuple(values["std"])})

    def as_mapping(self) -> dict[str, Any]:
        """Return the fields by name, JSON-serialisable."""
        return {**asdict(self), "mean": list(self.mean), "std": list(self.std)}

    @property
    def view(self) -> str:
        """Name of the geometry, such as ``"256-224"``; ``"native"`` for images as they are."""
        return view_name(self.resize, self.crop)

    @property
    def channels(self) -> int:
        """Number of channels."""
        return len(self.mean)

    def normalise(self, images: Tensor) -> Tensor:
        """Bring byte images into the space in which the network sees them.

        Parameters
        ----------
        images : torch.Tensor
            uint8 (N, C, H, W), 0 to 255, grey or RGB.

        Returns
        -------
        torch.Tensor
            float32 (N, C, H, W): ``(images * full_range / 255 - mean) / std``, the channels in the
            network's order.

        Raises
        ------
        ValueError
            If the images have another number of channels.
        """
        if images.shape[1] != self.channels:
            raise ValueError(
                f"images of {images.shape[1]} channels for a network that takes {self.order}"
            )
        scaled = images.to(torch.float32)
        if self.full_range != 255:
            scaled = scaled / (255.0 / self.full_range)
        if self.order == "BGR":
            scaled = scaled.flip(1)
        return (scaled - _per_channel(self.mean, scaled)) / _per_channel(self.std, scaled)

    def denormalise(self, inputs: Tensor) -> Tensor:
        """Undo `normalise`: images (N, C, H, W) to look at, grey or RGB, 0 to 1, clipped."""
        values = inputs * _per_channel(self.std, inputs) + _per_channel(self.mean, inputs)
        if self.order == "BGR":
            values = values.flip(1)
        return (values / self.full_range).clamp(0.0, 1.0)
