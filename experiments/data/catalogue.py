"""The table of external files: what a file is, where it may come from, and its verified reading."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

__all__ = [
    "DataFile",
    "DigestError",
    "ExternalDataset",
    "ImageLayout",
    "Source",
    "Split",
    "find_problem",
    "load_table",
    "read_verified",
]

_CHUNK = 1 << 20
_DIGESTS = {"sha256": 64, "git_blob": 40}
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")


class DigestError(ValueError):
    """A file on disk is not the file that the table describes."""


@dataclass(frozen=True)
class DataFile:
    """One external file, identified by its content.

    Parameters
    ----------
    name : str
        Plain file name, without a folder.
    size : int, optional
        Length in bytes, after decompression. A git_blob may do without: its digest covers the
        length too, so that a file whose length nobody wrote down can still be verified.
    sha256 : str, optional
        SHA-256 of the content, 64 hexadecimal digits.
    git_blob : str, optional
        The id that git gives to the content: the SHA-1 of ``blob``, a space, the size, a zero byte
        and the content, 40 hexadecimal digits. It verifies a file of a repository at a commit.

    Raises
    ------
    ValueError
        If the name is not plain, the size is not positive or is missing beside a SHA-256, or there
        is not exactly one digest.
    """

    name: str
    size: int | None = None
    sha256: str | None = None
    git_blob: str | None = None

    def __post_init__(self) -> None:
        """Check what keeps a fetched file inside its folder and verifiable."""
        if not isinstance(self.name, str) or not _PLAIN_NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is not a plain file name")
        if (self.sha256 is None) == (self.git_blob is None):
            raise ValueError(f"{self.name}: give exactly one of {' and '.join(_DIGESTS)}")
        if self.size is None and self.git_blob is None:
            raise ValueError(f"{self.name}: size is missing")
        if self.size is not None and (not isinstance(self.size, int) or self.size < 1):
            raise ValueError(f"{self.name}: size must be a positive number of bytes")
        kind, _, digest = self.digest.partition(":")
        if not re.fullmatch(f"[0-9a-f]{{{_DIGESTS[kind]}}}", digest):
            raise ValueError(
                f"{self.name}: {kind} must be {_DIGESTS[kind]} lower-case hexadecimal digits"
            )

    @property
    def digest(self) -> str:
        """The expected digest with its kind, such as ``"sha256:ba89..."``."""
        return f"sha256:{self.sha256}" if self.sha256 is not None else f"git_blob:{self.git_blob}"

    @property
    def description(self) -> str:
        """What to look for: the size, if it is known, and the digest."""
        return self.digest if self.size is None else f"{self.size} bytes, {self.digest}"

    def new_hash(self, size: int) -> Any:
        """Return a fresh hash object (as of `hashlib`), to be fed the whole content in order.

        Parameters
        ----------
        size : int
            Length of that content, bytes.
        """
        if self.sha256 is not None:
            return hashlib.sha256()
        # Git's choice of SHA-1 is not ours to change; the size is hashed first.
        return hashlib.sha1(f"blob {size}\0".encode(), usedforsecurity=False)

    def mismatch(self, size: int, hexdigest: str) -> str | None:
        """Say in what a content of this size and digest differs from the file, if it does."""
        kind, _, expected = self.digest.partition(":")
        if self.size is not None and size != self.size:
            return f"{size} bytes instead of {self.size}"
        if hexdigest != expected:
            return f"the bytes are not the expected ones ({kind} {hexdigest})"
        return None


@dataclass(frozen=True)
class Source:
    """One place that may hold the files of a data set.

    Parameters
    ----------
    kind : {"url", "npm", "debian", "python"}
        What ``location`` is.
    location : str
        An address (with ``{name}`` for the name of the file), ``package@version`` of the npm
        registry, or the name of a Debian or of an installed Python package.
    member : str, optional
        Path of the file inside a package, with ``{name}``; no address has one, every package does.
    compression : {"gzip"}, optional
        How the source compresses the file.
    """

    kind: str
    location: str
    member: str | None = None
    compression: str | None = None

    KINDS = ("url", "npm", "debian", "python")

    def __post_init__(self) -> None:
        """Check the fields against each other."""
        if self.kind not in self.KINDS:
            raise ValueError(f"a source is one of {', '.join(self.KINDS)}, not {self.kind!r}")
        if (self.member is None) != (self.kind == "url"):
            raise ValueError(
                f"source {self.kind} {self.location}: "
                + ("an address has no member" if self.kind == "url" else "member is missing")
            )
        if self.member is not None:
            parts = self.member.split("/")
            if "" in parts or "." in parts or ".." in parts:
                raise ValueError(
                    f"source {self.kind} {self.location}: member {self.member!r} must be a "
                    "relative path without . and .."
                )
        if self.compression not in (None, "gzip"):
            raise ValueError(
                f"source {self.kind} {self.location}: compression must be gzip or absent, "
                f"not {self.compression!r}"
            )


@dataclass(frozen=True)
class Split:
    """The idx files of one split of a data set of labelled images.

    Parameters
    ----------
    images, labels : str
        File names.
    count : int
        Number of images and of labels.
    """

    images: str
    labels: str
    count: int


@dataclass(frozen=True)
class ImageLayout:
    """How the idx files of a data set of labelled images belong together.

    Parameters
    ----------
    shape : tuple of int
        Height and width, pixels.
    classes : tuple of str
        Class names in the order of the labels 0, 1, 2, ...
    splits : mapping of str to Split
        The files of ``"train"`` and ``"test"``.
    """

    shape: tuple[int, int]
    classes: tuple[str, ...]
    splits: Mapping[str, Split]


@dataclass(frozen=True)
class ExternalDataset:
    """A folder of external files with common sources, licence and citation.

    Parameters
    ----------
    name : str
        Key in the table.
    title, homepage, licence, citation : str
        What it is, where it is described, on which terms it may be used (an SPDX identifier where
        there is one), and what to cite.
    sources : tuple of Source
        In the order in which they are tried.
    files : tuple of DataFile
        Its files.
    mirror : str, optional
        Subfolder of the mirror in which the files are looked for too.
    images : ImageLayout, optional
        Given for idx files of labelled images.
    """

    name: str
    title: str
    homepage: str
    licence: str
    citation: str
    sources: tuple[Source, ...]
    files: tuple[DataFile, ...]
    mirror: str | None = None
    images: ImageLayout | None = None

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


def _source(entry: Mapping[str, Any]) -> Source:
    kinds = [key for key in entry if key in Source.KINDS]
    if len(kinds) != 1:
        raise ValueError(f"a source needs exactly one of {', '.join(Source.KINDS)}: {dict(entry)}")
    rest = {key: value for key, value in entry.items() if key != kinds[0]}
    return Source(kind=kinds[0], location=entry[kinds[0]], **rest)


def _images(entry: Mapping[str, Any]) -> ImageLayout:
    splits = {name: Split(**split) for name, split in entry["splits"].items()}
    fields = {**entry, "shape": tuple(entry["shape"]), "classes": tuple(entry["classes"])}
    return ImageLayout(**{**fields, "splits": splits})


def load_table(path: str | Path) -> dict[str, ExternalDataset]:
    """Read a table of external files.

    Parameters
    ----------
    path : str or Path
        A YAML file such as ``workflow/datasets.yaml``.

    Returns
    -------
    dict of str to ExternalDataset
        The data sets by name.

    Raises
    ------
    ValueError
        If an entry is malformed; the message names the table and the data set.
    """
    table = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    if not isinstance(table, dict):
        raise ValueError(f"{path}: a mapping of data sets is expected")
    datasets = {}
    for name, entry in table.items():
        try:
            datasets[name] = ExternalDataset(
                name=name,
                **{
                    **entry,
                    "sources": tuple(_source(source) for source in entry["sources"]),
                    "files": tuple(DataFile(**file) for file in entry["files"]),
                    "images": _images(entry["images"]) if "images" in entry else None,
                },
            )
        except KeyError as error:
            raise ValueError(f"{path}: data set {name}: {error} is missing") from error
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}: data set {name}: {error}") from error
    return datasets


def find_problem(path: str | Path, file: DataFile) -> str | None:
    """Say why a path does not hold the file that the table describes.

    Parameters
    ----------
    path : str or Path
        Where the file should be.
    file : DataFile
        What it should hold.

    Returns
    -------
    str or None
        What is wrong, None if size and digest are the expected ones.
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
    """Read a file and make sure that what was read is what the table describes.

    Parameters
    ----------
    path : str or Path
        Where the file is.
    file : DataFile
        What it should hold.

    Returns
    -------
    bytes
        The content; it is hashed in memory, so that it cannot change between check and use.

    Raises
    ------
    FileNotFoundError
        If there is no file.
    DigestError
        If its size or its digest is not the expected one.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{path} is missing: fetch it, or put the file there ({file.description})"
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
