"""Files on this machine: the mirror, file addresses and installed Python packages."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from experiments.data.archive_members import open_member
from experiments.data.catalogue import DataFile, Dataset
from experiments.data.delivery import (
    Consume,
    Place,
    SourceError,
    decompressed,
    explain,
)
from experiments.data.sources import PythonSource, UrlSource

__all__ = ["PythonPackage", "file_address", "mirror_places"]


class _LocalFile:
    """A file below a folder; ``{name}`` in its path stands for the name of the file."""

    def __init__(self, label: str, path: str, compression: str | None) -> None:
        self.label, self._path, self._compression = label, path, compression

    def deliver(self, file: DataFile, consume: Consume) -> Path:
        path = Path(self._path.replace("{name}", file.name))
        try:
            if not path.is_file():
                raise SourceError("no such file")
            stream = path.open("rb")
        except OSError as error:
            raise SourceError(explain(error)) from error
        with stream:
            return consume(decompressed(stream, self._compression))


class _ZippedFolder:
    """A folder as a zip archive of itself; only the wanted member is read, as a stream."""

    def __init__(self, label: str, path: str) -> None:
        self.label, self._path = label, Path(path)

    def deliver(self, file: DataFile, consume: Consume) -> Path:
        try:
            if not self._path.is_file():
                raise SourceError("no such file")
        except OSError as error:
            raise SourceError(explain(error)) from error
        with ExitStack() as stack:
            return consume(open_member(self._path, f"{self._path.stem}/{file.name}", stack))


def mirror_places(mirror: str, dataset: Dataset) -> Iterator[Place]:
    """Yield the places in a mirror that may hold the files of a data set, in order of precedence.

    Parameters
    ----------
    mirror : str
        The folder.
    dataset : Dataset
        The data set.
    """
    folders = [Path(mirror)]
    if dataset.mirror is not None:
        # The subfolder first: MNIST and its successors use the same file names.
        folders.insert(0, folders[0] / dataset.mirror)
    for folder in folders:
        for suffix, compression in (("", None), (".gz", "gzip")):
            path = f"{folder}{os.sep}{{name}}{suffix}"
            yield _LocalFile(f"mirror {path}", path, compression)
    if dataset.mirror is not None:
        path = f"{folders[0]}.zip"
        yield _ZippedFolder(f"mirror {path}", path)


def file_address(source: UrlSource) -> Place:
    """Return the place behind a file address."""
    path = url2pathname(urlsplit(source.url).path)
    return _LocalFile(source.label, path, source.compression)


class PythonPackage:
    """A data file of an installed Python package; the package is located, not imported."""

    def __init__(self, source: PythonSource) -> None:
        self.label, self._source = source.label, source

    def deliver(self, file: DataFile, consume: Consume) -> Path:
        """Hand the decompressed content to ``consume`` and return its result."""
        specification = importlib.util.find_spec(self._source.python)
        folders = specification.submodule_search_locations if specification is not None else None
        if not folders:
            raise SourceError("the package is not installed")
        path = f"{folders[0]}{os.sep}{self._source.member}"
        return _LocalFile(self.label, path, self._source.compression).deliver(file, consume)
