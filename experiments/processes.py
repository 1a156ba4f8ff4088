"""What the processes of a run have in common: end, text encoding, interpreter, import path."""

from __future__ import annotations

import ctypes
import os
import shlex
import signal
import sys

__all__ = ["end_with_parent", "import_first_from", "quote_interpreter", "use_utf8"]

_PR_SET_PDEATHSIG = 1  # of linux/prctl.h


def end_with_parent() -> None:
    """Let the system end this process when the one that started it ends, however that happens.

    A job that outlived a killed run would go on writing the files that the next run writes. Linux
    only; elsewhere this does nothing.
    """
    if sys.platform != "linux":
        return
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    # The parent may have ended before the system was asked.
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


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
