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
    "cleaned",
    "decompressed",
    "explain",
    "without_passwords",
]

CHUNK = 1 << 18
"""Bytes that are read at once."""

UNREADABLE = (OSError, EOFError, tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError)
"""Exceptions of reading a damaged or vanishing stream."""

Consume = Callable[[IO[bytes]], Path]
"""Verifies a stream on the way to a temporary file, and returns the path of that file."""


_LONGEST_REASON = 600
# Escape sequences of terminals: with a parameter string, with a text, and of two characters.
_ESCAPE_SEQUENCE = re.compile(
    r"(\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|(\x1b\]|\x9d)[^\x07\x1b\x9c]*(\x07|\x1b\\|\x9c)?|\x1b.?"
)


def cleaned(text: object, longest: int = _LONGEST_REASON) -> str:
    """Return what others said as one printable line of limited length.

    Servers, archives and programs choose their words; a terminal would obey some of them.
    """
    printable = _ESCAPE_SEQUENCE.sub(" ", str(text))
    printable = "".join(letter if letter.isprintable() else " " for letter in printable)
    line = " ".join(printable.split())
    return line if len(line) <= longest else f"{line[: longest - 3]}..."


class SourceError(Exception):
    """Raised by a place that cannot deliver a file, with the reason in one printable line."""

    def __init__(self, reason: object) -> None:
        super().__init__(cleaned(reason))


@dataclass(frozen=True)
class Options:
    """Time limits and retries; see `experiments.data.fetch.fetch_dataset` for each field."""

    timeout: float
    retries: int
    backoff: float
    package_timeout: float
    patience: float
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
            return cleaned(without_passwords(said)) or type(error).__name__
        error = inner


def without_passwords(text: str) -> str:
    """Return a text without the names and passwords of the addresses in it."""
    return re.sub(r"//[^/@\s]*@", "//", text)


def decompressed(stream: IO[bytes], compression: str | None) -> IO[bytes]:
    """Return the stream, or a stream of its decompressed content."""
    if compression != "gzip":
        return stream
    # A GzipFile is used like any binary file, but typeshed does not derive it from IO[bytes].
    return gzip.GzipFile(fileobj=stream)  # type: ignore[return-value]
