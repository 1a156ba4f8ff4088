"""The catalogue of data sets: one YAML file each, and verified reading of the files they declare.

Imported while the workflow is parsed, so this module needs neither torch nor pandas.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ValidationError, model_validator

from experiments.data.entries import (
    Count,
    Entry,
    FileName,
    RelativePath,
    Text,
    first_problem,
    matching,
    read_yaml,
)
from experiments.data.sections import Folders, ImageForms, Mortality
from experiments.data.sources import Source

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

_CHUNK = 1 << 20
_DATASET_NAME = re.compile(r"[a-z][a-z0-9_]*")


class CatalogueError(ValueError):
    """A mistake in an entry of the catalogue, or an unknown name."""


class DigestError(ValueError):
    """A file on disk is not the file that the catalogue describes."""


class DataFile(Entry):
    """One external file, identified by its content.

    Parameters
    ----------
    name : str
        Plain file name, without a folder.
    size : int, optional
        Length in bytes, after decompression. Optional with a git_blob, whose digest covers the
        length too.
    sha256 : str, optional
        SHA-256 of the content, 64 hexadecimal digits.
    md5 : str, optional
        MD5 of the content, 32 hexadecimal digits, for files whose publisher gives no other digest.
    git_blob : str, optional
        The id that git gives to the content: the SHA-1 of ``blob``, a space, the size, a zero byte
        and the content, 40 hexadecimal digits. It verifies a file of a repository at a commit.

    Raises
    ------
    pydantic.ValidationError
        A ValueError: the name is not plain, the size is not positive or is missing without a
        git_blob, or the number of digests is not one.
    """

    name: FileName
    size: Count | None = None
    sha256: Annotated[str, matching("[0-9a-f]{64}", "64 lower-case hexadecimal digits")] | None = (
        None
    )
    git_blob: (
        Annotated[str, matching("[0-9a-f]{40}", "40 lower-case hexadecimal digits")] | None
    ) = None
    md5: Annotated[str, matching("[0-9a-f]{32}", "32 lower-case hexadecimal digits")] | None = None

    @model_validator(mode="after")
    def _check_digest(self) -> DataFile:
        """Refuse a file that could not be verified."""
        if sum(digest is not None for digest in (self.sha256, self.git_blob, self.md5)) != 1:
            raise ValueError(f"{self.name}: give exactly one of sha256, git_blob and md5")
        if self.size is None and self.git_blob is None:
            raise ValueError(f"{self.name}: size is missing; it is optional only with git_blob")
        return self

    @property
    def digest(self) -> str:
        """The expected digest with its kind, such as ``"sha256:ba89..."``."""
        if self.sha256 is not None:
            return f"sha256:{self.sha256}"
        return f"md5:{self.md5}" if self.md5 is not None else f"git_blob:{self.git_blob}"

    @property
    def description(self) -> str:
        """Size, if it is known, and digest."""
        return self.digest if self.size is None else f"{self.size} bytes, {self.digest}"

    def new_hash(self, size: int) -> hashlib._Hash:
        """Return a fresh hash object (as of `hashlib`), to be fed the whole content in order.

        Parameters
        ----------
        size : int
            Length of that content, bytes.
        """
        if self.sha256 is not None:
            return hashlib.sha256()
        if self.md5 is not None:  # the publisher's choice
            return hashlib.md5(usedforsecurity=False)
        # Git's choice of SHA-1 is not ours to change; the size is hashed first.
        return hashlib.sha1(f"blob {size}\0".encode(), usedforsecurity=False)

    def mismatch(self, size: int, hexdigest: str) -> str | None:
        """Describe how a content of this size and digest differs from the file, if it does."""
        kind, _, expected = self.digest.partition(":")
        if self.size is not None and size != self.size:
            return f"{size} bytes instead of {self.size}"
        if hexdigest != expected:
            return f"the bytes are not the expected ones ({kind} {hexdigest})"
        return None


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
        In the order in which they are tried. None for files that only the mirror has.
    files : tuple of DataFile
        Its files. None for folders of images that the user has, which are not fetched.
    mirror : str, optional
        Subfolder of the mirror in which the files are looked for too.
    images : Images or Folders, optional
        Given for labelled images: idx files, or folders of image files.
    mortality : Mortality, optional
        Given for a table of features and deaths.
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
    images: ImageForms | None = None
    mortality: Mortality | None = None
    weights: None = None  # TEMP

    @model_validator(mode="after")
    def _check_files(self) -> Dataset:
        of_the_user = isinstance(self.images, Folders) and self.images.archive is None
        if not self.files and not of_the_user:
            raise ValueError("files is [], but must have at least 1 entries")
        if self.files and not self.sources and self.mirror is None:
            raise ValueError("sources is [], but must have at least 1 entries without a mirror")
        names = [file.name for file in self.files]
        for number, name in enumerate(names):
            if name in names[:number]:
                raise ValueError(f"files lists {name} twice")
        for section, part in (("images", self.images), ("mortality", self.mortality)):
            for key, name in part.used_files() if part is not None else ():
                if name not in names:
                    raise ValueError(
                        f"{section}.{key} is {name!r}, but must be one of the files: "
                        f"{', '.join(names)}"
                    )
        return self

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
        A YAML file such as ``workflow/datasets/mnist.yaml``; the data set has its name.

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
        return Dataset.model_validate({"name": path.stem, **entry})
    except ValidationError as error:
        raise CatalogueError(f"{path}: {first_problem(error)}") from error


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


def find_problem(path: str | Path, file: DataFile) -> str | None:
    """Explain why a path does not hold the file that the catalogue describes.

    Parameters
    ----------
    path : str or Path
        Where the file should be.
    file : DataFile
        The expected file.

    Returns
    -------
    str or None
        The problem, None if size and digest are the expected ones.
    """
    path = Path(path)
    if not path.exists():
        return "no such file"
    if not path.is_file():
        return "not a regular file"
    size = path.stat().st_size
    if file.size not in (None, size):
        return file.mismatch(size, "")
    digest = file.new_hash(size)
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return file.mismatch(size, digest.hexdigest())


def read_verified(path: str | Path, file: DataFile) -> bytes:
    """Read a file and verify that the bytes read are those that the catalogue describes.

    Parameters
    ----------
    path : str or Path
        Where the file is.
    file : DataFile
        The expected file.

    Returns
    -------
    bytes
        The content; it is hashed in memory, so that it cannot change between check and use.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    DigestError
        If its size or its digest is not the expected one.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{path} is missing: download it, or put the file at that path ({file.description})"
        ) from error
    digest = file.new_hash(len(content))
    digest.update(content)
    problem = file.mismatch(len(content), digest.hexdigest())
    if problem is not None:
        raise DigestError(
            f"{path} is not the expected file: {problem}; expected {file.description}. Move it "
            "away and fetch it again."
        )
    return content
