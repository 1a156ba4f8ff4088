"""Lock files: the digests of files whose publisher states none, recorded at the first download.

A lock file is ``NAME.lock.json`` next to the entry ``NAME.yaml`` of the catalogue, to be committed
with it. The first download is trusted, as nothing can verify it; from then on, everybody who has
the lock file gets the same bytes or an error.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from pydantic import ValidationError

from experiments.data.entries import Count, Entry, FileName, Text, first_problem, matching
from experiments.data.partial_files import partial_file, remove_abandoned

__all__ = ["Lock", "LockError", "Record", "check_writable", "exclusive", "load_lock", "record"]


class LockError(RuntimeError):
    """A lock file is damaged or cannot be written; the message says what to do."""


class Record(Entry):
    """The content of a file when it was first downloaded.

    Parameters
    ----------
    size : int
        Length in bytes.
    sha256 : str
        SHA-256 of the content, 64 hexadecimal digits.
    source : str
        The source that delivered it.
    date : str
        Day of the download, ``YYYY-MM-DD``, UTC.
    """

    size: Count
    sha256: Annotated[str, matching("[0-9a-f]{64}", "64 lower-case hexadecimal digits")]
    source: Text
    date: Annotated[str, matching(r"\d{4}-\d{2}-\d{2}", "a day, YYYY-MM-DD")]


class _Content(Entry):
    files: dict[FileName, Record]


@dataclass(frozen=True)
class Lock:
    """A lock file, as it was when it was read.

    Parameters
    ----------
    path : Path
        Where it is, or will be once something is recorded.
    records : dict of str to Record
        By file name.
    """

    path: Path
    records: dict[str, Record]


def load_lock(path: str | Path) -> Lock:
    """Read a lock file; one that does not exist yet records nothing.

    Raises
    ------
    LockError
        If it is damaged or cannot be read, in one line with its path.
    """
    path = Path(path)
    try:
        content = _Content.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return Lock(path, {})
    except OSError as error:
        raise LockError(f"{path} cannot be read: {error.strerror or error}") from error
    except ValidationError as error:
        said = first_problem(error)
    except ValueError as error:
        said = f"not valid JSON: {error}"
    else:
        return Lock(path, content.files)
    raise LockError(f"{path}: {said}; restore the file, or delete it to record its digests again")


def _unwritable(path: Path, error: OSError) -> LockError:
    return LockError(
        f"{path} cannot be written: {error.strerror or error}. Its data set has files without a "
        "published digest, which are recorded there at the first download: make the folder "
        "writable, or put the lock file of another checkout there"
    )


def check_writable(path: str | Path) -> None:
    """Find out before a download whether it could be recorded.

    Raises
    ------
    LockError
        If the lock file could not be written.
    """
    path = Path(path)
    try:
        remove_abandoned([path])
        with partial_file(path):
            pass
    except OSError as error:
        raise _unwritable(path, error) from error


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Keep other processes that ask for the same folder out."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        # Some network file systems cannot lock a folder. The only risk then is that, of two calls
        # that replace the same file at the same moment, one overrules the other.
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def record(path: str | Path, name: str, content: Path, source: str) -> Lock:
    """Record the content of a file, unless the lock file already has a record of that name.

    Parameters
    ----------
    path : str or Path
        The lock file. It is replaced in one step, and concurrent calls wait for each other, so that
        the first one decides.
    name : str
        Name of the file.
    content : Path
        A file with its content.
    source : str
        Where it came from.

    Returns
    -------
    Lock
        The lock file afterwards.

    Raises
    ------
    LockError
        If the lock file is damaged or cannot be written.
    """
    path = Path(path)
    with content.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    day = datetime.now(UTC).date().isoformat()
    new = Record(size=content.stat().st_size, sha256=sha256, source=source, date=day)
    try:
        with exclusive(path.parent):
            lock = load_lock(path)
            if name in lock.records:
                return lock
            lock = Lock(path, dict(sorted({**lock.records, name: new}.items())))
            text = json.dumps(
                _Content(files=lock.records).model_dump(mode="json"), indent=2, ensure_ascii=False
            )
            with partial_file(path) as (temporary, output):
                output.write(f"{text}\n".encode())
                output.flush()
                os.replace(temporary, path)
    except OSError as error:
        raise _unwritable(path, error) from error
    return lock
