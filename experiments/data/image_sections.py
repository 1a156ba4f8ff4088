"""The section ``images`` of an entry of the catalogue: labelled images, in one of three forms."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from experiments.data.entries import Count, Entry, FileName, RelativePath, Text, matching
from experiments.data.label_spaces import IMAGENET_CLASSES, LabelSpace

__all__ = ["Folders", "ImageSource", "Images", "LabelledFiles", "Split"]


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


class LabelledFiles(Entry):
    """Image files listed one by one with their labels; they form the split ``"test"``.

    Parameters
    ----------
    outputs : str
        The classes that the labels number: ``"imagenet"`` or the name of a data set.
    labelled : dict of str to int
        Label by file name.
    """

    FORM: ClassVar = "labelled"

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

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits."""
        return ("test",)

    @property
    def number_of_classes(self) -> int | None:
        """Number of different labels: some classes may have no image."""
        return len(set(self.labelled.values()))

    def count(self, split: _SplitName) -> int | None:
        """Return the number of images of a split, None if there are none."""
        return len(self.labelled) if split == "test" else None

    def used_files(self) -> Iterator[tuple[str, str]]:
        """Yield the dotted key and the name of every file that the section mentions."""
        for name in self.labelled:
            yield f"labelled.{name}", name


def _image_form(images: object) -> str:
    """Tell the forms apart; whatever has none of its own is reported as a mistake in idx files."""
    if isinstance(images, dict):
        if "labelled" in images:
            return "<labelled>"
        splits = images.get("splits")
        named = isinstance(splits, dict) and any(isinstance(part, str) for part in splits.values())
        return "<folders>" if named else "<idx>"
    return f"<{getattr(images, 'FORM', 'idx')}>"


ImageSource = Annotated[
    Annotated[Images, Tag("<idx>")]
    | Annotated[Folders, Tag("<folders>")]
    | Annotated[LabelledFiles, Tag("<labelled>")],
    Discriminator(_image_form),
]
"""The section ``images`` of an entry."""
