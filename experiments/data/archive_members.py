"""Members of zip and tar archives, read as streams: no archive chooses a path to write to."""

from __future__ import annotations

import tarfile
import zipfile
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from experiments.data.delivery import UNREADABLE, SourceError, explain

__all__ = ["open_member"]


def _zip_member(path: Path, member: str, stack: ExitStack) -> IO[bytes]:
    archive = stack.enter_context(zipfile.ZipFile(path))
    try:
        information = archive.getinfo(member)
    except KeyError as error:
        raise SourceError(f"it has no member {member}") from error
    return stack.enter_context(archive.open(information))


def _tar_member(path: Path, member: str, stack: ExitStack) -> IO[bytes]:
    archive = stack.enter_context(tarfile.TarFile.open(path))
    for information in archive:
        if information.name.removeprefix("./") == member:
            if not information.isfile():
                raise SourceError(f"its member {member} is not a regular file")
            stream = archive.extractfile(information)
            assert stream is not None  # a regular file has content
            return stream
    raise SourceError(f"it has no member {member}")


def open_member(path: Path, member: str, stack: ExitStack) -> IO[bytes]:
    """Open one file of an archive.

    Parameters
    ----------
    path : Path
        A zip archive if its name ends in .zip or .whl, else a tar archive of any compression.
    member : str
        Path of the file in the archive.
    stack : ExitStack
        Closes what is opened.

    Returns
    -------
    binary file
        The content.

    Raises
    ------
    SourceError
        If the archive cannot be read, or has no such file.
    """
    read = _zip_member if path.suffix in (".zip", ".whl") else _tar_member
    try:
        return read(path, member, stack)
    # zipfile raises the last two for unknown methods and for encrypted members.
    except (*UNREADABLE, NotImplementedError, RuntimeError) as error:
        raise SourceError(f"the archive is unreadable: {explain(error)}") from error
