"""The catalogue of data sets: one YAML file each.

Imported while the workflow is parsed, so this module needs neither torch nor pandas.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import PrivateAttr, ValidationError, model_validator

from experiments.data.data_file import DataFile, DigestError, find_problem, read_verified
from experiments.data.entries import (
    Entry,
    RelativePath,
    Text,
    first_problem,
    matching,
    read_yaml,
)
from experiments.data.image_sections import Folders, ImageSource, LabelledFiles
from experiments.data.lock_files import Lock, LockError, load_lock
from experiments.data.mortality_section import Mortality
from experiments.data.sources import Source
from experiments.data.text_section import LabelledText, WordVectors
from experiments.data.weight_section import Weights

__all__ = [
    "CatalogueError",
    "DataFile",
    "Dataset",
    "DigestError",
    "find_problem",
    "load_catalogue",
    "load_dataset",
    "read_verified",
]

_DATASET_NAME = re.compile(r"[a-z][a-z0-9_]*")


class CatalogueError(ValueError):
    """A mistake in an entry of the catalogue, or an unknown name."""


class Dataset(Entry):
    """A folder of external files with common sources, licence and citation.

    Parameters
    ----------
    name : str
        Name of its file in the catalogue, without the suffix.
    title, homepage, licence, citation : str
        One line about it, the address that describes it, its terms of use (an SPDX identifier
        if one exists), and the reference to cite.
    sources : tuple of Source
        In the order in which they are tried. There may be none if ``mirror`` is given: the files
        are then published nowhere, and come from the mirror or are put in place by hand.
    files : tuple of DataFile
        Its files. None for folders of images that the user has, which are not fetched.
    mirror : str, optional
        Subfolder of the mirror in which the files are looked for too.
    images : Images, Folders or LabelledFiles, optional
        Given for labelled images: idx files, folders of image files, or image files listed with
        their labels.
    mortality : Mortality, optional
        Given for a table of features and deaths.
    weights : Weights, optional
        Given for weights of trained networks.
    text : LabelledText, optional
        Given for labelled sentences.
    vectors : WordVectors, optional
        Given for vectors of words.
    """

    NOT_IN_FILES = ("name",)

    name: str
    title: Text
    homepage: Annotated[str, matching(r"https?://\S+", "an http or https address")]
    licence: Text
    citation: Text
    sources: tuple[Source, ...]
    files: tuple[DataFile, ...]
    mirror: RelativePath | None = None
    images: ImageSource | None = None
    mortality: Mortality | None = None
    weights: Weights | None = None
    text: LabelledText | None = None
    vectors: WordVectors | None = None

    _lock: Lock | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _check_files(self) -> Dataset:
        of_the_user = isinstance(self.images, Folders) and self.images.archive is None
        if not self.files and not of_the_user:
            raise ValueError("files is [], but must have at least 1 entries")
        if self.files and not self.sources and self.mirror is None:
            raise ValueError("sources is empty: give at least one, or the key mirror")
        names = [file.name for file in self.files]
        for number, name in enumerate(names):
            if name in names[:number]:
                raise ValueError(f"files lists {name} twice")
        sections = {
            name: getattr(self, name)
            for name in ("images", "mortality", "weights", "text", "vectors")
        }
        for section, part in sections.items():
            for key, name in part.used_files() if part is not None else ():
                if name not in names:
                    raise ValueError(
                        f"{section}.{key} is {name!r}, but must be one of the files: "
                        f"{', '.join(names)}"
                    )
        return self

    @property
    def lock_path(self) -> Path | None:
        """Where the digests of locked files are recorded; None if there is no such file."""
        return self._lock.path if self._lock is not None else None

    def with_lock(self, lock: Lock) -> Dataset:
        """Return the data set with what a lock file records of its locked files.

        Raises
        ------
        LockError
            If the lock file records a file that is not locked.
        """
        locked = {file.name for file in self.files if file.locked}
        for name in lock.records:
            if name not in locked:
                raise LockError(
                    f"{lock.path} records {name}, which is not a locked file of {self.name}: "
                    "delete this record"
                )
        files = tuple(file.with_lock(lock) if file.locked else file for file in self.files)
        dataset = self.model_copy(update={"files": files})
        dataset._lock = lock
        return dataset

    @property
    def digests(self) -> dict[str, str]:
        """Digest of every file, by name."""
        return {file.name: file.digest for file in self.files}

    @property
    def image_form(self) -> str | None:
        """How labelled images are kept: ``"idx"``, ``"folders"`` or ``"labelled"``."""
        return None if self.images is None else self.images.FORM

    @property
    def image_splits(self) -> tuple[str, ...]:
        """Splits of the labelled images."""
        return () if self.images is None else tuple(self.images.splits)

    def image_count(self, split: Literal["train", "test"]) -> int | None:
        """Return the number of labelled images of a split, None if it is not known."""
        return None if self.images is None else self.images.count(split)

    @property
    def label_space(self) -> str:
        """What the labels number: the data set's own classes, or those of another one."""
        return self.images.outputs if isinstance(self.images, LabelledFiles) else self.name

    def outputs_in(self, space: str) -> tuple[int, ...]:
        """Return the index of every class in another label space.

        Raises
        ------
        CatalogueError
            If the entry does not say it.
        """
        if isinstance(self.images, Folders) and space in self.images.outputs:
            return self.images.outputs[space]
        raise CatalogueError(
            f"{self.name}: the classes have no indices among those of {space}; add "
            f"images.outputs.{space} to workflow/datasets/{self.name}.yaml"
        )

    @property
    def n_classes(self) -> int | None:
        """Number of classes of the labelled images, None if it is not known."""
        return None if self.images is None else self.images.number_of_classes

    def file(self, name: str) -> DataFile:
        """Return the file of this name.

        Raises
        ------
        KeyError
            If the data set has no such file.
        """
        for file in self.files:
            if file.name == name:
                return file
        names = ", ".join(file.name for file in self.files)
        raise KeyError(f"{self.name} has no file {name}; it has {names}")


def load_dataset(path: str | Path) -> Dataset:
    """Read one entry of the catalogue.

    Parameters
    ----------
    path : str or Path
        A YAML file such as ``workflow/datasets/mnist.yaml``; the data set has its name. The digests
        of locked files are read from ``mnist.lock.json`` next to it.

    Returns
    -------
    Dataset
        The entry.

    Raises
    ------
    CatalogueError
        In one line, if the entry is malformed, with the file, the key and the allowed values.
    FileNotFoundError
        If the file does not exist.
    """
    path = Path(path)
    if not _DATASET_NAME.fullmatch(path.stem):
        raise CatalogueError(
            f"{path}: the file name is the name of the data set: use lower-case letters, digits "
            "and _"
        )
    try:
        entry = read_yaml(path)
    except ValueError as error:
        raise CatalogueError(f"{path}: {error}") from error
    if not isinstance(entry, dict):
        raise CatalogueError(f"{path}: must be a mapping with the keys title, homepage, ...")
    if "name" in entry:
        raise CatalogueError(
            f"{path}: unknown key 'name'; the file name is the name of the data set"
        )
    try:
        dataset = Dataset.model_validate({"name": path.stem, **entry})
    except ValidationError as error:
        raise CatalogueError(f"{path}: {first_problem(error)}") from error
    if not any(file.locked for file in dataset.files):
        return dataset
    try:
        return dataset.with_lock(load_lock(path.with_name(f"{path.stem}.lock.json")))
    except LockError as error:
        raise CatalogueError(str(error)) from error


def load_catalogue(folder: str | Path) -> dict[str, Dataset]:
    """Read all entries of the catalogue.

    Parameters
    ----------
    folder : str or Path
        A folder of YAML files such as ``workflow/datasets``.

    Returns
    -------
    dict of str to Dataset
        The data sets by name, in alphabetical order.

    Raises
    ------
    CatalogueError
        If an entry is malformed, or the folder has none.
    """
    paths = sorted(Path(folder).glob("*.yaml"))
    if not paths:
        raise CatalogueError(f"{folder}: there is no data set; each must be a file NAME.yaml")
    return {path.stem: load_dataset(path) for path in paths}
