"""What the processes of a run have in common: end, text encoding, interpreter, import path."""

from __future__ import annotations

import ctypes
import os
import select
import shlex
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress

__all__ = [
    "end_with_parent",
    "end_with_run",
    "ending_with_this",
    "expect_jobs",
    "import_first_from",
    "interrupt_on_hangup",
    "quote_interpreter",
    "use_utf8",
]

_PR_SET_PDEATHSIG = 1  # of linux/prctl.h
_STARTER = "XGRADIENT_STARTER"


def end_with_parent(worker: int | None = None) -> None:
    """Let the system end this process when the one that started it ends, however that happens.

    Linux only; elsewhere this does nothing.

    Parameters
    ----------
    worker : int, optional
        Not used: the number that a loader of images gives to a process of its own.
    """
    if sys.platform == "linux":
        _end_with(os.getppid(), signal.SIGTERM)


def end_with_run() -> None:
    """Let this job end with the Snakemake that started it, or that should have been its parent.

    A job that outlived a killed run would go on writing the files that the next run writes. Linux
    only; elsewhere this does nothing.
    """
    end_with_parent()
    # A job imports its libraries first, for seconds: it may have lost its parent by now, and have
    # got another one.
    starter = _starter()
    if starter is None or starter == os.getppid():
        return
    if starter in _ancestors():
        # A shell that stays between the two would also stay when Snakemake ends.
        with suppress(OSError):
            process = os.pidfd_open(starter)
            threading.Thread(target=_follow, args=(process,), daemon=True).start()
            return
    os.kill(os.getpid(), signal.SIGTERM)


def expect_jobs() -> None:
    """Tell the jobs that this process starts who it is, for `end_with_run`."""
    if sys.platform == "linux":
        os.environ[_STARTER] = f"{os.getpid()} {_numbering()}"


def ending_with_this(command: list[str]) -> list[str]:
    """Return the command that runs a program which is killed when this process ends.

    Parameters
    ----------
    command : list of str
        Any program with its arguments; on other systems than Linux it is returned as it is.
    """
    if sys.platform != "linux":
        return command
    # Neither the packages nor the neighbours of this file are on the import path.
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), *command]


def interrupt_on_hangup() -> None:
    """Let a closed terminal end this process as Ctrl-C does, which leaves no lock behind."""

    def end(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    # Not where it is ignored, as under nohup. Only the main thread may ask.
    if threading.current_thread() is threading.main_thread() and (
        signal.getsignal(signal.SIGHUP) is signal.SIG_DFL
    ):
        signal.signal(signal.SIGHUP, end)


def import_first_from(folder: str) -> None:
    """Let every Python that this process starts look for packages in a folder first.

    Parameters
    ----------
    folder : str
        Absolute path.

    Raises
    ------
    ValueError
        If its name has a colon, which separates folders in ``PYTHONPATH``.
    """
    if os.pathsep in folder:
        raise ValueError(
            f"the folder {folder} of this project has a {os.pathsep} in its name, which for Python "
            "ends the name of a folder: move it"
        )
    others = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    first = dict.fromkeys([folder, *filter(None, others)])
    os.environ["PYTHONPATH"] = os.pathsep.join(first)


def use_utf8() -> None:
    """Let every Python that this process starts read and write UTF-8, whatever the locale."""
    os.environ["PYTHONUTF8"] = "1"


def quote_interpreter() -> None:
    """Let Snakemake start jobs with an interpreter in a folder whose name a shell would split.

    It puts `sys.executable` into command lines as it is.
    """
    if os.path.exists(sys.executable):
        sys.executable = shlex.quote(sys.executable)


def _end_with(parent: int, number: int) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)
    # The parent may have ended before the system was asked.
    if os.getppid() != parent:
        os.kill(os.getpid(), number)


def _numbering() -> str:
    """Name the machine and the container within which process numbers are unique."""
    with open("/proc/sys/kernel/random/boot_id", encoding="utf-8") as file:
        return f"{file.read().strip()} {os.readlink('/proc/self/ns/pid')}"


def _starter() -> int | None:
    """Return the number of the Snakemake that started this process, if both count alike."""
    number, _, numbering = os.environ.get(_STARTER, "").partition(" ")
    return int(number) if number and numbering == _numbering() else None


def _ancestors() -> Iterator[int]:
    process = os.getppid()
    while process:
        yield process
        try:
            with open(f"/proc/{process}/stat", encoding="utf-8") as file:
                process = int(file.read().rpartition(")")[2].split()[1])
        except OSError:
            return


def _follow(process: int) -> None:
    select.select([process], [], [])
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    _end_with(int(sys.argv[1]), signal.SIGKILL)
    os.execvp(sys.argv[2], sys.argv[2:])
