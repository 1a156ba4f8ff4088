"""Files and folders in the making, which the next process removes if theirs was killed.

Whoever makes one holds a lock on it. The system releases the lock when the process ends, however
that happens; so what is locked is in the making, and what is not is left behind.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

__all__ = ["partial_file", "partial_folder", "remove_abandoned"]

_FOLDERS = "xgradient-package-"
# Where a file system cannot lock, nothing shows whether something is in the making but its age.
_OLD = 24 * 3600.0


def _is_held(descriptor: int, path: Path) -> bool:
    """Lock what has just been made; False if it was taken for left behind before that."""
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except FileNotFoundError:
        return False


def _remove_if_abandoned(path: Path, remove: Callable[[Path], None]) -> None:
    with suppress(OSError):  # it is gone, or belongs to somebody else
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            status = os.fstat(descriptor)
            if status.st_uid != os.getuid():
                return
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            except OSError:
                if time.time() - status.st_mtime < _OLD:
                    return
            remove(path)
        finally:
            os.close(descriptor)


def remove_abandoned(targets: Iterable[Path]) -> None:
    """Remove the partial files of targets that no process is making any more.

    Parameters
    ----------
    targets : iterable of Path
        As given to `partial_file`.
    """
    for target in targets:
        name = re.compile(rf"\.{re.escape(target.name)}\.\d+-[0-9a-f]{{8}}\.part")
        with suppress(OSError):  # there is no such folder yet
            for path in target.parent.iterdir():
                if name.fullmatch(path.name) and stat.S_ISREG(path.lstat().st_mode):
                    _remove_if_abandoned(path, Path.unlink)


@contextmanager
def partial_file(target: Path) -> Iterator[tuple[Path, IO[bytes]]]:
    """Make a file next to its target, to be renamed to it when it is complete.

    Yields
    ------
    path : Path
        Its name; what still has it at the end is removed.
    stream : binary file
        To write to.
    """
    while True:
        # Not tempfile.mkstemp: its files stay unreadable for others, whatever the umask says.
        path = target.with_name(f".{target.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
        with path.open("xb") as stream:
            if _is_held(stream.fileno(), path):
                try:
                    yield path, stream
                finally:
                    path.unlink(missing_ok=True)
                return


@contextmanager
def partial_folder() -> Iterator[Path]:
    """Make a folder of the system's temporary folder, and remove it at the end.

    Those that killed processes of this user left behind are removed first.
    """
    for path in Path(tempfile.gettempdir()).glob(f"{_FOLDERS}*"):
        if not path.is_symlink() and path.is_dir():
            _remove_if_abandoned(path, lambda folder: shutil.rmtree(folder, ignore_errors=True))
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_FOLDERS))
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            if _is_held(descriptor, folder):
                try:
                    yield folder
                finally:
                    shutil.rmtree(folder, ignore_errors=True)
                return
        finally:
            os.close(descriptor)
