"""Sections of an entry of the catalogue: labelled images, and tables of mortality."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from experiments.data.entries import Count, Entry, FileName, RelativePath, Text, matching

__all__ = [
    "Folders",
    "FollowUpLabels",
    "ImageForms",
    "Images",
    "LabelColumn",
    "LabelFile",
    "Labels",
    "Mortality",
    "Split",
]


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

    FORM: ClassVar = "idx"

    shape: tuple[Count, Count]
    classes: Annotated[tuple[Text, ...], Field(min_length=2)]
    splits: Annotated[dict[Literal["train", "test"], Split], Field(min_length=1)]

    @model_validator(mode="after")
    def _check_classes(self) -> Images:
        for number, name in enumerate(self.classes):
            if name in self.classes[:number]:
                raise ValueError(f"class {name!r} is listed twice")
        return self

    @property
    def number_of_classes(self) -> int:
        """Number of classes."""
        return len(self.classes)

    def count(self, split: Literal["train", "test"]) -> int | None:
        """Return the number of images of a split, None if there are none."""
        return self.splits[split].count if split in self.splits else None

    def used_files(self) -> Iterator[tuple[str, str]]:
        """Yield the dotted key and the name of every file that the section mentions."""
        for name, split in self.splits.items():
            yield f"splits.{name}.images", split.images
            yield f"splits.{name}.labels", split.labels


_SplitName = Literal["train", "test"]
_ClassFolder = Annotated[
    str, matching(r"[^./\\][^/\\]*", "the name of a folder, without / and not beginning with a dot")
]


class Folders(Entry):
    """A data set of image files in one folder per class, the layout of torchvision's ImageFolder.

    Classes are numbered in the alphabetical order of their folders.

    Parameters
    ----------
    splits : dict of str to str
        Folder that holds the class folders of ``"train"`` and ``"test"``.
    archive : str, optional
        The one of the files that holds the tree, a tar or zip archive. Without it, the tree is a
        folder that the user names.
    root : str, optional
        Folder inside the archive, or inside the user's folder, that holds the splits.
    classes : dict of str to str, optional
        Printed name by class folder, in alphabetical order of the folders.
    n_classes : int, optional
        Number of classes, where they are not listed.
    wordnet : bool
        Whether the class folders are named by WordNet ids, such as ``n01440764``.
    outputs : dict of str to tuple of int
        Index of each class, in order, among the outputs of networks that were trained on another
        data set; by the name of that label space.
    counts : dict of str to int
        Number of images of each split.
    """

    FORM: ClassVar = "folders"

    splits: Annotated[dict[_SplitName, RelativePath], Field(min_length=1)]
    archive: (
        Annotated[
            FileName,
            matching(r".*\.(zip|tar|tgz|tar\.(gz|bz2|xz))", "the name of a tar or zip archive"),
        ]
        | None
    ) = None
    root: RelativePath | None = None
    classes: Annotated[dict[_ClassFolder, Text], Field(min_length=2)] | None = None
    n_classes: Annotated[int, Field(strict=True, ge=2)] | None = None
    wordnet: Annotated[bool, Field(strict=True)] = False
    outputs: dict[Text, tuple[Annotated[int, Field(strict=True, ge=0)], ...]] = Field(
        default_factory=dict
    )
    counts: dict[_SplitName, Count] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check_classes(self) -> Folders:
        if self.classes is not None:
            if self.n_classes is not None:
                raise ValueError("n_classes is superfluous next to classes: remove it")
            folders, names = list(self.classes), list(self.classes.values())
            if folders != sorted(folders):
                raise ValueError(
                    "classes must be in the alphabetical order of their folders, in which they are "
                    "numbered"
                )
            for number, name in enumerate(names):
                if name in names[:number]:
                    raise ValueError(f"class {name!r} is listed twice")
        for space, indices in self.outputs.items():
            if self.number_of_classes != len(indices):
                raise ValueError(
                    f"outputs.{space} has {len(indices)} indices, but must have one for each of "
                    f"the {self.number_of_classes or 'listed'} classes"
                )
            if len(set(indices)) != len(indices):
                raise ValueError(f"outputs.{space} has an index twice")
        for split in self.counts:
            if split not in self.splits:
                raise ValueError(f"counts.{split} is given, but splits has no {split}")
        return self

    @property
    def number_of_classes(self) -> int | None:
        """Number of classes, if it is declared."""
        return self.n_classes if self.classes is None else len(self.classes)

    def count(self, split: _SplitName) -> int | None:
        """Return the number of images of a split, None if it is not declared."""
        return self.counts.get(split)

    def used_files(self) -> Iterator[tuple[str, str]]:
        """Yield the dotted key and the name of every file that the section mentions."""
        if self.archive is not None:
            yield "archive", self.archive


def _image_form(images: object) -> str:
    # Whatever is neither is reported as a mistake in a section of idx files, the older form.
    if isinstance(images, dict):
        splits = images.get("splits")
        named = isinstance(splits, dict) and any(isinstance(part, str) for part in splits.values())
        return "<folders>" if named else "<idx>"
    return "<folders>" if isinstance(images, Folders) else "<idx>"


ImageForms = Annotated[
    Annotated[Images, Tag("<idx>")] | Annotated[Folders, Tag("<folders>")],
    Discriminator(_image_form),
]
"""The section ``images`` of an entry: idx files, or folders of image files."""


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
