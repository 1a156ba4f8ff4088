"""The section ``weights`` of an entry of the catalogue: files of weights of trained networks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from experiments.data.entries import Count, Entry, FileName, Text, matching
from experiments.data.label_spaces import LabelSpace

__all__ = ["NetworkInputs", "Weights"]

_Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]


class NetworkInputs(Entry):
    """How a network takes images: the fields of `experiments.data.preprocessing.Preprocessing`.

    Parameters
    ----------
    mean, std : tuple of float
        Per channel, in the order and in the range that the network takes.
    order : {"grey", "RGB", "BGR"}
        Order of the channels.
    full_range : {1, 255}
        Value of a white pixel before normalisation.
    resize : int, optional
        Length to which the shorter side is brought, pixels.
    crop : int, optional
        Side of the central square, pixels.
    """

    mean: tuple[_Number, ...]
    std: tuple[Annotated[_Number, Field(gt=0)], ...]
    order: Literal["grey", "RGB", "BGR"] = "RGB"
    full_range: Literal[1, 255] = 1
    resize: Count | None = None
    crop: Count | None = None

    @model_validator(mode="after")
    def _check_geometry(self) -> NetworkInputs:
        channels = 1 if self.order == "grey" else 3
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) != channels:
                raise ValueError(
                    f"{name} must have {channels} values for {self.order} images, not {len(values)}"
                )
        if self.resize is not None and self.crop is not None and self.crop > self.resize:
            raise ValueError(f"crop is {self.crop}, but images are resized to {self.resize}")
        return self

    def as_mapping(self) -> dict[str, Any]:
        """Return the arguments of `Preprocessing.from_mapping`, JSON-serialisable."""
        return self.model_dump(mode="json")


class Weights(Entry):
    """Files of weights of trained networks.

    Parameters
    ----------
    format : {"torch", "npz", "safetensors", "hwio_pickle"}
        How the files are read, see `experiments.networks.weight_files.read_weights`.
    outputs : str
        The classes behind the logits: ``"imagenet"`` or the name of a data set.
    preprocessing : NetworkInputs
        How the networks take images.
    files : dict of str to (dict of str to str)
        File name by architecture and variant, such as ``files["vgg16"]["x"]``. Architectures of
        torchvision are written ``torchvision/NAME``.
    classes : tuple of str
        Names of the classes, in the order of the logits, where the publisher states them.
    """

    format: Literal["torch", "npz", "safetensors", "hwio_pickle"]
    outputs: LabelSpace
    preprocessing: NetworkInputs
    files: Annotated[
        dict[
            Annotated[
                str,
                matching(
                    r"(torchvision/)?[a-z][a-z0-9_]*", "an architecture, NAME or torchvision/NAME"
                ),
            ],
            Annotated[dict[Literal["regular", "x"], FileName], Field(min_length=1)],
        ],
        Field(min_length=1),
    ]
    classes: tuple[Text, ...] = ()

    def used_files(self) -> Iterator[tuple[str, str]]:
        """Yield the dotted key and the name of every file that the section mentions."""
        for architecture, variants in self.files.items():
            for variant, name in variants.items():
                yield f"files.{architecture}.{variant}", name
