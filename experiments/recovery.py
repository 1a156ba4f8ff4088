"""Recovery after a run that was killed.

Snakemake locks its working directory by files, which stay when it is killed, and asks for
``--unlock`` from then on. Here every run and every job also holds a lock of the operating system,
which ends with its process: where nobody holds one, those files are leftovers.
"""

from __future__ import annotations

import fcntl
import os
import platform
import time
from contextlib import suppress
from pathlib import Path

__all__ = ["enter_job", "enter_run"]

_FOLDER = Path(".snakemake")
_LOCKS = _FOLDER / "locks"
# Runs and jobs also write down their machine: not every file system shows the locks of others.
_RUNS = _FOLDER / "alive/runs"
_JOBS = _FOLDER / "alive/jobs"

# Open files of this process, whose locks it holds as long as it lives.
_held: list[int] = []


def enter_run(folder: Path, patience: float = 20.0) -> str | None:
    """Enter a run, and remove the lock of one that was killed, if it is certain that none goes on.

    Parameters
    ----------
    folder : Path
        The working directory.
    patience : float
        Seconds to wait for the end of the jobs of a killed run.

    Returns
    -------
    str or None
        What there is to say about a lock that was found.
    """
    try:
        (folder / _RUNS).parent.mkdir(parents=True, exist_ok=True)
        runs = _open(folder / _RUNS)
        said = _recover(folder, runs, patience)
        fcntl.flock(runs, fcntl.LOCK_SH)
    except OSError:  # a file system without locks, or one that cannot be written to
        return None
    _held.append(runs)
    return said


def enter_job(folder: Path) -> None:
    """Enter a job: while it is at work, the lock of its run stays.

    Parameters
    ----------
    folder : Path
        The working directory of the run.
    """
    with suppress(OSError):
        jobs = _open(folder / _JOBS)
        fcntl.flock(jobs, fcntl.LOCK_SH)
        _held.append(jobs)
        with open(folder / _RUNS, "r+", encoding="utf-8") as runs:
            if _machine() not in runs.read().splitlines():
                runs.write(f"{_machine()}\n")


def _recover(folder: Path, runs: int, patience: float) -> str | None:
    leftovers = sorted((folder / _LOCKS).glob("*.lock"))
    machines, here = _read_machines(runs), _machine()
    alone = _lock_alone(runs)
    if alone and not leftovers:
        _write_machines(runs, {here})
    elif leftovers and not machines:
        # Of a run that did not come this way. Snakemake refuses to start, and says what to do.
        return None
    elif not alone:
        _write_machines(runs, machines | {here})
    elif others := {machine for machine in machines if not _is_same(machine, here)}:
        names = ", ".join(sorted(machine.split()[0] for machine in others))
        return (
            f"The lock of this folder may belong to a run with jobs on {names}: if none is at work "
            "there, remove it with snakemake --unlock"
        )
    elif not _jobs_have_ended(folder, patience):
        return "A run was killed, but its jobs go on: wait until they are done, or end them"
    else:
        for path in leftovers:
            path.unlink(missing_ok=True)
        _write_machines(runs, {here})
        return "The lock of a run that was killed has been removed"
    return None


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)


def _lock_alone(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _jobs_have_ended(folder: Path, patience: float) -> bool:
    """Wait for the system to end the jobs of a killed run, and to free their memory."""
    end = time.monotonic() + patience
    jobs = _open(folder / _JOBS)
    try:
        while not (ended := _lock_alone(jobs)) and time.monotonic() < end:
            time.sleep(0.1)
        return ended
    finally:
        os.close(jobs)


def _machine() -> str:
    """Name this machine, and since when it has been up."""
    with suppress(OSError):
        start = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
        return f"{platform.node()} {start}"
    return platform.node()


def _is_same(machine: str, other: str) -> bool:
    """Whether a machine is another one, which may have been started again or renamed since."""
    return not set(machine.split()).isdisjoint(other.split())


def _read_machines(file: int) -> set[str]:
    return set(filter(None, os.pread(file, 1 << 16, 0).decode(errors="replace").splitlines()))


def _write_machines(file: int, machines: set[str]) -> None:
    os.ftruncate(file, 0)
    os.pwrite(file, "".join(f"{machine}\n" for machine in sorted(machines)).encode(), 0)
