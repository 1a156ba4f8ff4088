"""Sections of an entry of the catalogue: labelled images, tables of mortality, and weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from experiments.data.entries import Count, Entry, FileName, Text, matching

__all__ = [
    "FollowUpLabels",
    "ImageSource",
    "Images",
    "LabelColumn",
    "LabelFile",
    "LabelledFiles",
    "Labels",
    "Mortality",
    "NetworkInputs",
    "Split",
    "Weights",
]

IMAGENET_CLASSES = 1000
LabelSpace = Annotated[
    str, matching(r"[a-z][a-z0-9_]*", "imagenet, or the name of a data set of images")
]
"""The classes behind the logits of a network: ``"imagenet"`` for the 1000 classes of ILSVRC in the
order of their sorted WordNet ids, or the name of a data set for its classes."""


class Split(Entry):
    """The idx files of one split of a data set of labelled images.

    Parameters
    ----------
    images, labels : str
        File names.
    count : int
        Number of images and of labels.
    """

    images: FileName
    labels: FileName
    count: Count


class Images(Entry):
    """Relation between the idx files of a data set of labelled images.

    Parameters
    ----------
    shape : tuple of int
        Height and width, pixels.
    classes : tuple of str
        Class names in the order of the labels 0, 1, 2, ...
    splits : dict of str to Split
        The files of ``"train"`` and ``"test"``.
    """

    shape: tuple[Count, Count]
    classes: Annotated[tuple[Text, ...], Field(min_length=2)]
    splits: Annotated[dict[Literal["train", "test"], Split], Field(min_length=1)]

    @model_validator(mode="after")
    def _check_classes(self) -> Images:
        for number, name in enumerate(self.classes):
            if name in self.classes[:number]:
                raise ValueError(f"class {name!r} is listed twice")
        return self

    def used_files(self) -> Iterator[tuple[str, str]]:
        """Yield the dotted key and the name of every file that the section mentions."""
        for name, split in self.splits.items():
            yield f"splits.{name}.images", split.images
            yield f"splits.{name}.labels", split.labels


class LabelledFiles(Entry):
    """Image files listed one by one with their labels; they form the split ``"test"``.

    Parameters
    ----------
    outputs : str
        The classes that the labels number: ``"imagenet"`` or the name of a data set.
    labelled : dict of str to int
        Label by file name.
    """

    outputs: LabelSpace
    labelled: Annotated[
        dict[FileName, Annotated[int, Field(strict=True, ge=0)]], Field(min_length=1)
    ]

    @model_validator(mode="after")
    def _check_labels(self) -> LabelledFiles:
        for name, label in self.labelled.items():
            if self.outputs == "imagenet" and label >= IMAGENET_CLASSES:
                raise ValueError(
                    f"label {label} of {name} is not one of ImageNet's classes, 0 to "
                    f"{IMAGENET_CLASSES - 1}"
                )
        return self

    def used_files(self) -> Iterator[tuple[str, str]]:
        """Yield the dotted key and the name of every file that the section mentions."""
        for name in self.labelled:
            yield f"labelled.{name}", name


def _image_form(images: object) -> str:
    # Whatever has no form of its own is reported as a mistake in a section of idx files.
    is_labelled = isinstance(images, dict) and "labelled" in images
    return "<labelled>" if is_labelled or isinstance(images, LabelledFiles) else "<idx>"


ImageSource = Annotated[
    Annotated[Images, Tag("<idx>")] | Annotated[LabelledFiles, Tag("<labelled>")],
    Discriminator(_image_form),
]
"""The section ``images`` of an entry."""


class LabelColumn(Entry):
    """Labels in a column of the table: 1 for death, 0 for survival.

    Parameters
    ----------
    column : str
        Name of the column.
    period : str
        Time of the deaths, to follow the word "mortality" in captions.
    """

    column: Text
    period: Text


class LabelFile(Entry):
    """Labels in a NumPy array of their own: 1 for death, 0 for survival.

    Parameters
    ----------
    file : str
        Name of the ``.npy`` file, one label per row of the table.
    period : str
        Time of the deaths, to follow the word "mortality" in captions.
    """

    file: Annotated[FileName, matching(r".*\.npy", "the name of a .npy file")]
    period: Text


class FollowUpLabels(Entry):
    """Labels from signed times of follow-up.

    Parameters
    ----------
    follow_up : str
        Name of the CSV file, with the rows of the table.
    column : str
        Its only column: dead after ``y`` years for y > 0, last known alive after ``-y`` years for
        y < 0, undocumented for y = 0.
    horizon : float
        Years within which a death gives label 1.
    """

    follow_up: Annotated[FileName, matching(r".*\.csv", "the name of a .csv file")]
    column: Text
    horizon: Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]

    @property
    def period(self) -> str:
        """Time of the deaths, to follow the word "mortality" in captions."""
        return f"within {self.horizon:g} years"


def _form(labels: object) -> str | None:
    for key, form in (("follow_up", FollowUpLabels), ("file", LabelFile), ("column", LabelColumn)):
        if isinstance(labels, form) or (isinstance(labels, dict) and key in labels):
            return f"<{key}>"
    return None


Labels = Annotated[
    Annotated[LabelColumn, Tag("<column>")]
    | Annotated[LabelFile, Tag("<file>")]
    | Annotated[FollowUpLabels, Tag("<follow_up>")],
    Discriminator(
        _form,
        custom_error_type="labels_form",
        custom_error_message=(
            "must have the keys column and period, or file and period, or follow_up, column and "
            "horizon"
        ),
    ),
]


class Mortality(Entry):
    """A table of features, and labels of death.

    Parameters
    ----------
    table : str
        Name of the file of features, ``.csv`` or ``.dta``.
    labels : LabelColumn, LabelFile or FollowUpLabels
        Where the labels are.
    index_column : int, optional
        Position of a column that only numbers the rows.
    note : str, optional
        A sentence for the notes below the table of results.
    leaks : dict of str to str
        Columns known only after the start of the follow-up, with the reason. Never features.
    dropped : dict of str to str
        Other columns that are not features, with the reason.
    missing_codes : dict of str to float
        Code that stands for a missing value, by column.
    nominal : tuple of str
        Columns of codes without an order; each code becomes an indicator, such as ``marital=2``.
    """

    table: Annotated[FileName, matching(r".*\.(csv|dta)", "the name of a .csv or .dta file")]
    labels: Labels
    index_column: Annotated[int, Field(strict=True, ge=0)] | None = None
    note: Text | None = None
    leaks: dict[Text, Text] = Field(default_factory=dict)
    dropped: dict[Text, Text] = Field(default_factory=dict)
    missing_codes: dict[Text, Annotated[float, Field(strict=True, allow_inf_nan=False)]] = Field(
        default_factory=dict
    )
    nominal: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _check_columns(self) -> Mortality:
        twice = sorted(self.leaks.keys() & self.dropped.keys())
        if twice:
            raise ValueError(f"column {twice[0]} is listed in leaks and in dropped: keep one")
        if isinstance(self.labels, LabelColumn) and self.labels.column in self.not_features:
            raise ValueError(
                f"{self.labels.column} is the label and never a feature: leave it out of leaks and "
                "dropped"
            )
        return self

    @property
    def not_features(self) -> dict[str, str]:
        """Reason by column, for all columns that are not features."""
        return {**self.leaks, **self.dropped}

    def used_files(self) -> Iterator[tuple[str, str]]:
        """Yield the dotted key and the name of every file that the section mentions."""
        yield "table", self.table
        if isinstance(self.labels, LabelFile):
            yield "labels.file", self.labels.file
        elif isinstance(self.labels, FollowUpLabels):
            yield "labels.follow_up", self.labels.follow_up


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
