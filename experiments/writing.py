"""Writing results: a file has its name when it is complete, and not before.

Everything is written under another name in the same folder, and renamed. What is killed or runs out
of disk leaves what was there before.
"""

from __future__ import annotations

import errno
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import torch

__all__ = [
    "WriteError",
    "check_room",
    "disk_problem",
    "replacing",
    "write_bytes",
    "write_csv",
    "write_tensors",
    "write_text",
]

# safetensors is written in Rust, whose errors hold the number of the system's.
_NUMBER = re.compile(r"\(os error (\d+)\)")
# What a user can mend without looking at the program.
_OF_THE_DISK = {
    errno.ENOSPC: "make room",
    errno.EDQUOT: "make room",
    errno.EFBIG: "allow larger files (ulimit -f)",
    errno.EROFS: "name a folder that can be written to",
    errno.EACCES: "name a folder that can be written to",
    errno.EPERM: "name a folder that can be written to",
    errno.EIO: "look after the disk",
}
# More than a file system keeps in reserve for the last file.
_ROOM = 2**16


class WriteError(OSError):
    """A file that could not be stored, in one line."""


def disk_problem(error: BaseException | None, path: str | Path = "") -> str | None:
    """Say in one line what to do about an error of the disk; None for other errors.

    Parameters
    ----------
    error : BaseException, optional
        Such as one of the system, or of a library in Rust that quotes it.
    path : str or Path, optional
        What was written; otherwise the file that the error names.
    """
    if isinstance(error, WriteError):
        return str(error)
    number = error.errno if isinstance(error, OSError) else None
    found = _NUMBER.search(str(error)) if number is None else None
    number = int(found[1]) if found else number
    if number not in _OF_THE_DISK:
        return None
    place = str(path) or str(getattr(error, "filename", None) or "a file")
    return (
        f"{place} cannot be written ({os.strerror(number)}): {_OF_THE_DISK[number]} and run again; "
        "everything that was finished before is kept"
    )


def check_room(folder: str | Path, key: str) -> None:
    """Refuse a folder in which no file can be made, or which has no room for one.

    Parameters
    ----------
    folder : str or Path
        If it does not exist, the folder in which it would be made is looked at.
    key : str
        What names the folder, for the message.

    Raises
    ------
    WriteError
        That names the key and the folder.
    """
    place = Path(folder).absolute()
    while not place.exists():
        place = place.parent
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(bytes(_ROOM))
            file.flush()
    except OSError as error:
        said = disk_problem(error, place) or f"{place} cannot be written to ({error.strerror})"
        raise WriteError(f"{key}: {said}") from error


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a name to write to, and rename it when the block ends without an error.

    Parameters
    ----------
    path : str or Path
        The file to write, in a folder that exists.

    Yields
    ------
    Path
        In the same folder: its name begins with a dot and ends with ``.part``. After an error
        nothing of it is left.

    Raises
    ------
    WriteError
        If the system refuses to store the file; the message names it, with the system's reason.
    """
    path = Path(path)
    partial = path.with_name(f".{path.name}.part")
    try:
        yield partial
        # Some systems report a full disk only now.
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        os.replace(partial, path)
    except BaseException as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        problem = disk_problem(error, path)
        if problem is None:
            raise
        raise WriteError(problem) from error


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write bytes."""
    with replacing(path) as partial:
        partial.write_bytes(content)


def write_text(path: str | Path, text: str) -> None:
    """Write a text as UTF-8."""
    write_bytes(path, text.encode())


def write_csv(path: str | Path, frame: pd.DataFrame, **options: Any) -> None:
    """Write a table as CSV, without its index; `options` are those of pandas."""
    with replacing(path) as partial:
        frame.to_csv(partial, index=False, encoding="utf-8", **options)


def write_tensors(
    path: str | Path, tensors: Mapping[str, torch.Tensor], header: Mapping[str, str] | None = None
) -> None:
    """Write tensors by name as a safetensors file, with text in its header."""
    from safetensors.torch import save_file

    with replacing(path) as partial:
        save_file(dict(tensors), str(partial), metadata=None if header is None else dict(header))
