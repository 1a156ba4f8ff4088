"""One external file, identified by its content, and verified reading of it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import PrivateAttr, model_validator

from experiments.data.entries import Count, Entry, FileName, matching
from experiments.data.lock_files import Lock, Record

__all__ = ["DataFile", "DigestError", "find_problem", "read_verified"]

_CHUNK = 1 << 20
_KINDS = ("sha256", "git_blob", "sha256_prefix", "md5")


class DigestError(ValueError):
    """A file on disk is not the file that the catalogue describes."""


def _hexadecimal(digits: int) -> object:
    return matching(f"[0-9a-f]{{{digits}}}", f"{digits} lower-case hexadecimal digits")


class DataFile(Entry):
    """One external file, identified by its content.

    Exactly one of the digests is given, or ``locked``.

    Parameters
    ----------
    name : str
        Plain file name, without a folder.
    size : int, optional
        Length in bytes, after decompression. Required with a sha256, for which whoever computed it
        had the file; optional with the digests that publishers state without a size; recorded in
        the lock file if the file is locked.
    sha256 : str, optional
        SHA-256 of the content, 64 hexadecimal digits.
    git_blob : str, optional
        The id that git gives to the content: the SHA-1 of ``blob``, a space, the size, a zero byte
        and the content, 40 hexadecimal digits. It verifies a file of a repository at a commit.
    sha256_prefix : str, optional
        The first digits of the SHA-256, 8 to 63 of them. PyTorch puts eight into the names of its
        files and checks no more: enough against a damaged or a different file, not against one that
        was made to pass.
    md5 : str, optional
        MD5 of the content, 32 hexadecimal digits, where the publisher states nothing else. It
        detects damage and mistakes; a publisher could prepare two files of one MD5, others could
        not imitate a given file.
    locked : bool, optional
        True if the publisher states no digest: that of the first download is recorded in a lock
        file, see `experiments.data.lock_files`, and holds from then on.

    Raises
    ------
    pydantic.ValidationError
        A ValueError: the name is not plain, the size is not positive or is missing next to a
        SHA-256, or the number of digests is not one.
    """

    name: FileName
    size: Count | None = None
    sha256: Annotated[str, _hexadecimal(64)] | None = None
    git_blob: Annotated[str, _hexadecimal(40)] | None = None
    sha256_prefix: (
        Annotated[str, matching("[0-9a-f]{8,63}", "8 to 63 lower-case hexadecimal digits")] | None
    ) = None
    md5: Annotated[str, _hexadecimal(32)] | None = None
    locked: Literal[True] | None = None

    _lock: Lock | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _check_digest(self) -> DataFile:
        """Refuse a file that could not be verified."""
        given = [kind for kind in (*_KINDS, "locked") if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(
                f"{self.name}: give exactly one of {', '.join(_KINDS)} and locked: true"
            )
        if self.sha256 is not None and self.size is None:
            raise ValueError(
                f"{self.name}: size is missing; it is optional only without a full sha256"
            )
        if self.locked and self.size is not None:
            raise ValueError(f"{self.name}: remove size; the lock file of a locked file records it")
        return self

    def with_lock(self, lock: Lock) -> DataFile:
        """Return the file with what a lock file records of it."""
        file = self.model_copy()
        file._lock = lock
        return file

    @property
    def _record(self) -> Record | None:
        return self._lock.records.get(self.name) if self._lock is not None else None

    @property
    def unrecorded(self) -> bool:
        """Whether the file is locked, but has not been downloaded yet."""
        return self.locked is not None and self._record is None

    @property
    def digest(self) -> str:
        """The expected digest with its kind, such as ``"sha256:ba89..."``."""
        for kind in _KINDS:
            if getattr(self, kind) is not None:
                return f"{kind}:{getattr(self, kind)}"
        return (
            "locked:not recorded yet" if self._record is None else f"sha256:{self._record.sha256}"
        )

    @property
    def description(self) -> str:
        """Size, if it is known, and digest."""
        if self._lock is not None and self._record is None:
            return f"any content, which {self._lock.path} will record"
        if self._lock is not None and self._record is not None:
            return f"{self._record.size} bytes, {self.digest} as recorded in {self._lock.path}"
        return self.digest if self.size is None else f"{self.size} bytes, {self.digest}"

    def new_hash(self, size: int) -> hashlib._Hash:
        """Return a fresh hash object (as of `hashlib`), to be fed the whole content in order.

        Parameters
        ----------
        size : int
            Length of that content, bytes.
        """
        if self.git_blob is not None:
            # Git's choice of SHA-1 is not ours to change; the size is hashed first.
            return hashlib.sha1(f"blob {size}\0".encode(), usedforsecurity=False)
        if self.md5 is not None:
            return hashlib.md5(usedforsecurity=False)
        return hashlib.sha256()

    def mismatch(self, size: int, hexdigest: str) -> str | None:
        """Describe how a content of this size and digest differs from the file, if it does."""
        kind, _, expected = self.digest.partition(":")
        if self.unrecorded:
            return "the catalogue has no digest of it, and no download has been recorded yet"
        if self.size is not None and size != self.size:
            return f"{size} bytes instead of {self.size}"
        if hexdigest == expected or (kind == "sha256_prefix" and hexdigest.startswith(expected)):
            return None
        if self._lock is not None and self._record is not None:
            return (
                f"the bytes are not those of the first download: {size} bytes, sha256 {hexdigest}, "
                f"but {self._lock.path} records {self._record.size} bytes, sha256 {expected}, from "
                f"{self._record.source} on {self._record.date}; if the publisher has replaced the "
                "file and you trust the new one, delete its record there and fetch again"
            )
        return f"the bytes are not the expected ones ({kind.removesuffix('_prefix')} {hexdigest})"


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
    if file.unrecorded or file.size not in (None, size):
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
            f"{path} is missing: run snakemake again, or put the file there ({file.description})"
        ) from error
    digest = file.new_hash(len(content))
    digest.update(content)
    problem = file.mismatch(len(content), digest.hexdigest())
    if problem is not None:
        raise DigestError(
            f"{path} is not the expected file: {problem}; expected {file.description}: move it "
            "away and run snakemake again"
        )
    return content
