"""Common ground of all places that deliver files: the interface, its errors and its options.

A place hands over a stream of bytes and guarantees nothing; the consumer verifies the bytes.
"""

from __future__ import annotations

import gzip
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from experiments.data.catalogue import DataFile

__all__ = [
    "CHUNK",
    "UNREADABLE",
    "Consume",
    "Options",
    "Place",
    "SourceError",
    "decompressed",
    "explain",
]

CHUNK = 1 << 18
"""Bytes that are read at once."""

UNREADABLE = (OSError, EOFError, tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError)
"""Exceptions of reading a damaged or vanishing stream."""

Consume = Callable[[IO[bytes]], Path]
"""Verifies a stream on the way to a temporary file, and returns the path of that file."""


class SourceError(Exception):
    """Raised by a place that cannot deliver a file, with the reason."""


@dataclass(frozen=True)
class Options:
    """Time limits and retries; see `experiments.data.fetch.fetch_dataset` for each field."""

    timeout: float
    retries: int
    backoff: float
    package_timeout: float
    progress: bool | None


class Place(Protocol):
    """A place that may hold the files of one data set."""

    label: str

    def deliver(self, file: DataFile, consume: Consume) -> Path:
        """Hand the decompressed content to ``consume`` and return its result."""
        ...


def explain(error: BaseException) -> str:
    """Reduce nested network errors to the innermost one, in one line."""
    while True:
        inner = getattr(error, "reason", None)
        if not isinstance(inner, BaseException):
            inner = next((arg for arg in error.args if isinstance(arg, BaseException)), None)
        if inner is None:
            # urllib3 puts the connection in front, but the address is named already.
            said = re.sub(r"^HTTPS?Connection(Pool)?\(.*?\): ", "", str(error))
            said = re.sub(r"//[^/@\s]*@", "//", said)  # names and passwords
            return " ".join(said.split()) or type(error).__name__
        error = inner


def decompressed(stream: IO[bytes], compression: str | None) -> IO[bytes]:
    """Return the stream, or a stream of its decompressed content."""
    if compression != "gzip":
        return stream
    # A GzipFile is used like any binary file, but typeshed does not derive it from IO[bytes].
    return gzip.GzipFile(fileobj=stream)  # type: ignore[return-value]
