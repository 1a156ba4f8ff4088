"""Unpacking of archives that come from outside: regular files below one folder, nothing else."""

from __future__ import annotations

import os
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from experiments.data.delivery import CHUNK, UNREADABLE

__all__ = ["ArchiveError", "unpack"]

LARGEST_MEMBER = 1 << 28
"""Bytes; the images of ILSVRC 2012 have at most 15 MB."""


class ArchiveError(ValueError):
    """An archive is damaged, or holds what must not be unpacked."""


_Member = tuple[str, int, IO[bytes]]


def _tar_members(archive: Path) -> Iterator[_Member]:
    with tarfile.open(archive) as opened:
        for member in opened:
            if member.isdir():
                continue
            if not member.isfile():
                raise ArchiveError(f"its member {member.name!r} is a link or a device")
            stream = opened.extractfile(member)
            assert stream is not None  # a regular file has content
            yield member.name, member.size, stream
        # tarfile takes a damaged header for the end. The checksum of a compressed archive, too, is
        # compared when its last byte is read.
        rest = opened.fileobj
        assert rest is not None  # it is open
        while chunk := rest.read(CHUNK):
            if any(chunk):
                raise ArchiveError("it is damaged before its end")


def _zip_members(archive: Path) -> Iterator[_Member]:
    with zipfile.ZipFile(archive) as opened:
        for member in opened.infolist():
            if member.is_dir():
                continue
            kind = stat.S_IFMT(member.external_attr >> 16)
            if kind not in (0, stat.S_IFREG):  # 0: made where files have no such attributes
                raise ArchiveError(f"its member {member.filename!r} is a link or a device")
            with opened.open(member) as stream:
                yield member.filename, member.file_size, stream


def _checked(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name or not path.parts:
        raise ArchiveError(f"its member {name!r} would be written outside the folder")
    return path


def _write(name: str, size: int, stream: IO[bytes], target: Path) -> None:
    if size > LARGEST_MEMBER:
        raise ArchiveError(f"its member {name!r} has {size} bytes, more than {LARGEST_MEMBER}")
    target.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with target.open("xb") as output:
        # The header may understate the size.
        while chunk := stream.read(min(CHUNK, size + 1 - written)):
            written += len(chunk)
            if written > size:
                break
            output.write(chunk)
    if written != size:
        raise ArchiveError(f"its member {name!r} does not have the {size} bytes that it declares")


def unpack(archive: str | Path, destination: str | Path, root: str | None = None) -> Path:
    """Unpack a tar or zip archive once, into a folder that appears when it is complete.

    Parameters
    ----------
    archive : str or Path
        A zip archive, or a tar archive with any compression that `tarfile` knows. Its digest
        should have been verified.
    destination : str or Path
        The folder. If it exists, it is complete, and nothing is done.
    root : str, optional
        Only what is below this folder of the archive is unpacked, without the folder itself.

    Returns
    -------
    Path
        The destination.

    Raises
    ------
    ArchiveError
        If the archive is damaged, holds nothing below ``root``, or has a member that is no regular
        file, leads out of the folder, or is larger than 256 MiB.
    FileNotFoundError
        If the archive does not exist.
    """
    archive, destination = Path(archive), Path(destination)
    if destination.is_dir():
        return destination
    if not archive.is_file():
        raise FileNotFoundError(f"{archive} does not exist: fetch the data set first")
    destination.parent.mkdir(parents=True, exist_ok=True)
    # Always the same name, so that what a killed process left behind goes with the next attempt.
    temporary = destination.with_name(f".{destination.name}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    parts = PurePosixPath(root or ".").parts
    n_files = 0
    try:
        temporary.mkdir()
        members = _zip_members if zipfile.is_zipfile(archive) else _tar_members
        for name, size, stream in members(archive):
            path = _checked(name)
            if path.parts[: len(parts)] != parts or len(path.parts) == len(parts):
                continue
            _write(name, size, stream, temporary.joinpath(*path.parts[len(parts) :]))
            n_files += 1
        if not n_files:
            raise ArchiveError(f"it has no files below {root or 'its top folder'}")
        os.replace(temporary, destination)
    # RuntimeError: an encrypted zip archive.
    except (ArchiveError, RuntimeError, NotImplementedError, *UNREADABLE) as error:
        raise ArchiveError(
            f"{archive} cannot be unpacked: {' '.join(str(error).split())}; delete it to fetch it "
            "again"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return destination
