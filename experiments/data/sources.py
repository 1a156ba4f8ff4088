"""Where the files of a data set may come from: local files, web addresses and packages.

A source hands over a stream of bytes and vouches for nothing; what the bytes are worth is decided
by who consumes them.
"""

from __future__ import annotations

import gzip
import importlib.util
import io
import logging
import lzma
import os
import re
import shutil
import signal
import subprocess
import tarfile
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol
from urllib.parse import urlsplit
from urllib.request import url2pathname

import requests
from requests.adapters import HTTPAdapter
from tqdm import tqdm
from urllib3.exceptions import HTTPError, ReadTimeoutError
from urllib3.util.retry import Retry

from experiments.data.catalogue import DataFile, ExternalDataset, Source

__all__ = ["UNREADABLE", "Options", "Place", "SourceError", "open_places"]

_LOG = logging.getLogger(__name__)
_CHUNK = 1 << 18
# Answers that a second request may improve on.
_TRANSIENT_STATUS = (408, 429, 500, 502, 503, 504)
# A transfer that stays below this for as long as the time-out has stalled, whatever still trickles.
_SLOWEST = 1024  # bytes per second
_LONGEST_WAIT = 60  # seconds between two attempts, also where a server asks for more
# What reading a damaged or vanishing stream can raise.
UNREADABLE = (OSError, EOFError, tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError)

Consume = Callable[[IO[bytes]], Path]


class SourceError(Exception):
    """What one source had to say instead of delivering."""


class _Interrupted(SourceError):
    """A transfer broke off; another attempt may succeed."""


class _Stalled(_Interrupted):
    """A transfer took too long."""


@dataclass(frozen=True)
class Options:
    """How patiently to fetch; see `experiments.data.fetch_dataset` for each field."""

    timeout: float
    retries: int
    backoff: float
    package_timeout: float
    progress: bool | None


class Place(Protocol):
    """Something that can deliver the files of one data set."""

    label: str

    def deliver(self, file: DataFile, consume: Consume) -> Path:
        """Hand the decompressed content to ``consume`` and return its result."""


def _explain(error: BaseException) -> str:
    """Reduce nested network errors to the innermost one, in one line."""
    while True:
        inner = getattr(error, "reason", None)
        if not isinstance(inner, BaseException):
            inner = next((arg for arg in error.args if isinstance(arg, BaseException)), None)
        if inner is None:
            # urllib3 puts the connection in front, but the address is named already.
            said = re.sub(r"^HTTPS?Connection(Pool)?\(.*?\): ", "", str(error))
            return " ".join(said.split()) or type(error).__name__
        error = inner


def _decompressed(stream: IO[bytes], compression: str | None) -> IO[bytes]:
    return gzip.GzipFile(fileobj=stream) if compression == "gzip" else stream


# ---- local files --------------------------------------------------------------------------------


class _LocalFile:
    """A file below a folder; ``{name}`` in its path stands for the name of the file."""

    def __init__(self, label: str, path: str, compression: str | None) -> None:
        self.label, self._path, self._compression = label, path, compression

    def deliver(self, file: DataFile, consume: Consume) -> Path:
        path = Path(self._path.replace("{name}", file.name))
        try:
            if not path.is_file():
                raise SourceError("no such file")
            stream = path.open("rb")
        except OSError as error:
            raise SourceError(_explain(error)) from error
        with stream:
            return consume(_decompressed(stream, self._compression))


class _ZippedFolder:
    """A folder as a zip archive of itself; only the wanted member is read, as a stream."""

    def __init__(self, label: str, path: str) -> None:
        self.label, self._path = label, Path(path)

    def deliver(self, file: DataFile, consume: Consume) -> Path:
        member = f"{self._path.stem}/{file.name}"
        with ExitStack() as stack:
            try:
                if not self._path.is_file():
                    raise SourceError("no such file")
                archive = stack.enter_context(zipfile.ZipFile(self._path))
                stream = stack.enter_context(archive.open(member))
            except KeyError as error:
                raise SourceError(f"it has no member {member}") from error
            # The last two are what zipfile says of unknown methods and of encrypted members.
            except (*UNREADABLE, NotImplementedError, RuntimeError) as error:
                raise SourceError(f"the archive is unreadable: {_explain(error)}") from error
            return consume(stream)


def _mirror_places(mirror: str, dataset: ExternalDataset) -> Iterator[Place]:
    folders = [Path(mirror)]
    if dataset.mirror is not None:
        # The subfolder first: MNIST and its successors use the same file names.
        folders.insert(0, folders[0] / dataset.mirror)
    for folder in folders:
        for suffix, compression in (("", None), (".gz", "gzip")):
            path = f"{folder}{os.sep}{{name}}{suffix}"
            yield _LocalFile(f"mirror {path}", path, compression)
    if dataset.mirror is not None:
        path = f"{folders[0]}.zip"
        yield _ZippedFolder(f"mirror {path}", path)


def _file_address(source: Source) -> Place:
    parts = urlsplit(source.location)
    if parts.netloc not in ("", "localhost"):
        raise ValueError(f"{source.location}: a file address cannot name the host {parts.netloc}")
    return _LocalFile(f"url {source.location}", url2pathname(parts.path), source.compression)


class _PythonPackage:
    """A data file of an installed Python package; the package is located, not imported."""

    def __init__(self, source: Source) -> None:
        self.label, self._source = f"python {source.location}", source

    def deliver(self, file: DataFile, consume: Consume) -> Path:
        specification = importlib.util.find_spec(self._source.location)
        folders = specification.submodule_search_locations if specification is not None else None
        if not folders:
            raise SourceError("the package is not installed")
        path = f"{folders[0]}{os.sep}{self._source.member}"
        return _LocalFile(self.label, path, self._source.compression).deliver(file, consume)


# ---- addresses ----------------------------------------------------------------------------------


class _Body(io.RawIOBase):
    """The body of a response as a file: with a progress bar, and never stalling for long."""

    def __init__(self, response: requests.Response, bar: Any, timeout: float) -> None:
        self._raw, self._bar, self._timeout = response.raw, bar, timeout
        self._since, self._received = time.monotonic(), 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            # read1 returns what has arrived; read would wait for all that was asked for.
            data = self._raw.read1(len(buffer), decode_content=False) or b""
        except ReadTimeoutError as error:
            raise _Stalled(f"no data for {self._timeout:g} s") from error
        except (HTTPError, OSError) as error:
            raise _Interrupted(f"the transfer broke off: {_explain(error)}") from error
        buffer[: len(data)] = data
        self._bar.update(len(data))
        self._received += len(data)
        elapsed = time.monotonic() - self._since
        if elapsed > self._timeout:
            if data and self._received < _SLOWEST * elapsed:
                raise _Stalled(f"{self._received} bytes in {elapsed:.0f} s is too slow")
            self._since, self._received = time.monotonic(), 0
        return len(data)


class _Address:
    """A web address; the number of attempts is bounded per request and per transfer."""

    def __init__(
        self, source: Source, session: requests.Session, silent: dict[str, str], options: Options
    ) -> None:
        self.label, self._source = f"url {source.location}", source
        self._session, self._options = session, options
        # Hosts that did not answer, shared by all addresses: asking them again for each of many
        # files would only repeat the wait.
        self._silent = silent

    def deliver(self, file: DataFile, consume: Consume) -> Path:
        url = self._source.location.replace("{name}", file.name)
        host = urlsplit(url).netloc
        if host in self._silent:
            raise SourceError(self._silent[host])
        for attempt in range(self._options.retries + 1):
            try:
                with self._open(url, file) as stream:
                    return consume(stream)
            except _Interrupted as error:
                _LOG.warning("%s: %s", url, error)
                if attempt == self._options.retries:
                    if isinstance(error, _Stalled):
                        self._silent[host] = str(error)
                    raise SourceError(f"{error} ({attempt + 1} attempts)") from error
                time.sleep(min(self._options.backoff * 2**attempt, _LONGEST_WAIT))
        raise AssertionError("unreachable")

    @contextmanager
    def _open(self, url: str, file: DataFile) -> Iterator[IO[bytes]]:
        try:
            response = self._session.get(
                url,
                stream=True,
                timeout=self._options.timeout,
                headers={"Accept-Encoding": "identity"},
            )
        except (requests.ConnectionError, requests.Timeout) as error:
            host = urlsplit(url).netloc
            self._silent[host] = f"{host} does not answer: {_explain(error)}"
            raise SourceError(self._silent[host]) from error
        except requests.RequestException as error:
            raise SourceError(_explain(error)) from error
        with response:
            if response.status_code != requests.codes.ok:
                raise SourceError(f"HTTP {response.status_code} {response.reason}")
            # Some servers declare every .gz file as an encoded plain one. The encoding is not
            # undone in transit, so that such a file arrives like any other .gz file.
            encoded = response.headers.get("Content-Encoding", "").lower() in ("gzip", "x-gzip")
            length = response.headers.get("Content-Length", "")
            with tqdm(
                desc=file.name,
                total=int(length) if length.isdigit() else None,
                unit="B",
                unit_scale=True,
                disable=None if self._options.progress is None else not self._options.progress,
            ) as bar:
                body = io.BufferedReader(_Body(response, bar, self._options.timeout), _CHUNK)
                yield _decompressed(body, "gzip" if encoded else self._source.compression)


def _open_session(options: Options) -> requests.Session:
    session = requests.Session()
    retry = Retry(
        total=options.retries,
        backoff_factor=options.backoff,
        backoff_max=_LONGEST_WAIT,
        retry_after_max=_LONGEST_WAIT,
        status_forcelist=_TRANSIENT_STATUS,
        raise_on_status=False,  # the last answer says more than "too many errors"
    )
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=retry))
    session.headers["User-Agent"] = "xgradient"
    return session


# ---- packages -----------------------------------------------------------------------------------


def _complaint(text: str) -> str:
    """Pick the lines of a program's output that say what went wrong."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("E:", "npm error", "npm ERR!"))]
    return "; ".join((errors or lines)[:4])[:400] or "no message"


def _require(*programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            raise SourceError(f"{program} is not installed")


def _run(command: list[str], folder: Path, timeout: float, stdout: IO[bytes] | int) -> None:
    """Run a program in a folder, without a shell; on time-out its children end with it."""
    name = " ".join(word for word in command[:2] if not word.startswith("-"))
    process = subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        env={**os.environ, "LC_ALL": "C"},
        start_new_session=True,
    )
    try:
        _, complaints = process.communicate(timeout=timeout)
    except BaseException as error:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if isinstance(error, subprocess.TimeoutExpired):
            raise SourceError(f"{name} did not finish in {timeout:g} s") from error
        raise
    if process.returncode != 0:
        raise SourceError(f"{name}: {_complaint(complaints.decode(errors='replace'))}")


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise SourceError(f"{len(found)} files {pattern} were delivered instead of one")
    return found[0]


def _npm_archive(source: Source, folder: Path, options: Options) -> Path:
    """Fetch the tarball of an npm package; none of its scripts run, no cache is touched."""
    _require("npm")
    command = ["npm", "pack", source.location, "--ignore-scripts", "--loglevel=error"]
    command += [f"--pack-destination={folder}", f"--cache={folder / 'cache'}"]
    command += [f"--fetch-retries={options.retries}"]
    command += [f"--fetch-retry-mintimeout={round(1000 * options.backoff)}"]
    command += [f"--fetch-timeout={round(1000 * options.timeout)}"]
    _run(command, folder, options.package_timeout, subprocess.DEVNULL)
    return _only(folder, "*.tgz")


def _debian_archive(source: Source, folder: Path, options: Options) -> Path:
    """Fetch a Debian package with private apt state, and unwrap its file tree as a tar archive.

    Nothing of the system changes, and root is not needed: lists, caches, locks and logs are in the
    folder, and the hooks that the system runs after an update are left out. The system's package
    sources, keys and proxies apply.
    """
    _require("apt-get", "dpkg-deb")
    folder.chmod(0o755)  # as root, apt fetches as the user _apt, who has to get in
    state, cache, download = folder / "state", folder / "cache", folder / "download"
    for path in (state / "lists/partial", cache / "archives/partial", folder / "log", download):
        path.mkdir(parents=True)
    (state / "status").touch()
    hooks = folder / "hooks.conf"
    hooks.write_text(
        "#clear APT::Update::Pre-Invoke;\n"
        "#clear APT::Update::Post-Invoke;\n"
        "#clear APT::Update::Post-Invoke-Success;\n"
    )
    apt = ["apt-get", "-qq", f"-c={hooks}"]
    for key, value in {
        "Dir::State": state,
        "Dir::State::lists": state / "lists",
        "Dir::State::status": state / "status",
        "Dir::Cache": cache,
        "Dir::Cache::archives": cache / "archives",
        "Dir::Log": folder / "log",
        "Acquire::Languages": "none",
        "Acquire::Retries": options.retries,
        "Acquire::http::Timeout": max(1, round(options.timeout)),
        "Acquire::https::Timeout": max(1, round(options.timeout)),
    }.items():
        apt += ["-o", f"{key}={value}"]
    update_said = ""
    try:
        _run([*apt, "update"], folder, options.package_timeout, subprocess.DEVNULL)
    except SourceError as error:
        # Some unrelated repository of the system may be broken; the download decides.
        update_said = f" (update: {error})"
    try:
        command = [*apt, "download", source.location]
        _run(command, download, options.package_timeout, subprocess.DEVNULL)
    except SourceError as error:
        raise SourceError(f"{error}{update_said}") from error
    tree = folder / "tree.tar"
    with tree.open("wb") as output:
        command = ["dpkg-deb", "--fsys-tarfile", str(_only(download, "*.deb"))]
        _run(command, download, options.package_timeout, output)
    return tree


def _find_member(archive: tarfile.TarFile, wanted: str) -> IO[bytes]:
    for member in archive:
        if member.name.removeprefix("./") == wanted:
            if not member.isfile():
                raise SourceError(f"its member {wanted} is not a regular file")
            stream = archive.extractfile(member)
            assert stream is not None  # a regular file has content
            return stream
    raise SourceError(f"it has no member {wanted}")


class _Package:
    """A package that is fetched once, when its first file is asked for.

    Of its members only the wanted one is read, as a stream; nothing is unpacked to paths that the
    archive chooses.
    """

    def __init__(
        self, source: Source, archive: Callable[[Source, Path, Options], Path], options: Options
    ) -> None:
        self.label, self._source = f"{source.kind} {source.location}", source
        self._fetch, self._options = archive, options
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._archive: Path | SourceError | None = None

    def close(self) -> None:
        if self._folder is not None:
            self._folder.cleanup()

    def deliver(self, file: DataFile, consume: Consume) -> Path:
        if self._archive is None:
            self._folder = tempfile.TemporaryDirectory(prefix="xgradient-")
            try:
                self._archive = self._fetch(self._source, Path(self._folder.name), self._options)
            except SourceError as error:
                self._archive = error
        if isinstance(self._archive, SourceError):
            raise self._archive
        assert self._source.member is not None  # a package source has one
        with ExitStack() as stack:
            try:
                archive = stack.enter_context(tarfile.open(self._archive))
                stream = _find_member(archive, self._source.member.replace("{name}", file.name))
            except UNREADABLE as error:
                raise SourceError(f"the package is unreadable: {error}") from error
            return consume(_decompressed(stream, self._source.compression))


# ---- all of them ---------------------------------------------------------------------------------


def open_places(
    dataset: ExternalDataset, mirror: str | None, stack: ExitStack, options: Options
) -> Iterator[Place]:
    """Yield the places that may hold the files of a data set, in the order of their precedence.

    Parameters
    ----------
    dataset : ExternalDataset
        The data set.
    mirror : str or None
        Folder that comes before the declared sources.
    stack : contextlib.ExitStack
        Ends what a place holds open: connections and temporary folders.
    options : Options
        How patiently to fetch.

    Yields
    ------
    Place
        Nothing is opened or run before a place is asked to deliver.

    Raises
    ------
    ValueError
        If an address has another scheme than http, https or file.
    """
    if mirror:
        yield from _mirror_places(mirror, dataset)
    session = stack.enter_context(_open_session(options))
    silent: dict[str, str] = {}
    for source in dataset.sources:
        if source.kind == "npm":
            yield stack.enter_context(closing(_Package(source, _npm_archive, options)))
        elif source.kind == "debian":
            yield stack.enter_context(closing(_Package(source, _debian_archive, options)))
        elif source.kind == "python":
            yield _PythonPackage(source)
        elif source.location.startswith(("http://", "https://")):
            yield _Address(source, session, silent, options)
        elif source.location.startswith("file://"):
            yield _file_address(source)
        else:
            raise ValueError(
                f"{dataset.name}: {source.location} is not an http, https or file address"
            )
