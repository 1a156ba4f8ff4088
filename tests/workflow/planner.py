"""Plan many times: a process that has imported Snakemake forks for every command.

Run as a script, in the folder where Snakemake is to run. A line of standard input holds the
arguments of one command in JSON, a line of the answer its exit status and what it printed. Modules
of this project are imported anew for every command, so that edits of them count.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType


class Planner:
    """The process, as a context manager.

    Parameters
    ----------
    folder : Path
        Where Snakemake runs.
    """

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Planner:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the process."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def __call__(self, *arguments: object) -> str:
        """Run one command, which must succeed; return what it printed."""
        assert self._process.stdin is not None and self._process.stdout is not None
        print(json.dumps(list(map(str, arguments))), file=self._process.stdin, flush=True)
        status, said = json.loads(self._process.stdout.readline())
        assert status == 0, said
        return str(said)


def _answer(arguments: list[str]) -> tuple[int, str]:
    from snakemake.cli import main

    with tempfile.TemporaryFile("w+", encoding="utf-8") as said:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                os.dup2(said.fileno(), 1)
                os.dup2(said.fileno(), 2)
                main(arguments)
            except SystemExit as finished:
                status = int(finished.code or 0)
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(status)
        _, code = os.waitpid(child, 0)
        said.seek(0)
        return os.waitstatus_to_exitcode(code), said.read()


if __name__ == "__main__":
    # What planning imports, apart from this project.
    import pandas  # noqa: F401
    import pydantic  # noqa: F401
    import snakemake.cli  # noqa: F401
    import yaml  # noqa: F401
    from snakemake.executors import touch

    # Seconds before every job whose files it touches; it is there for clocks coarser than ours.
    touch.Executor.SLEEPING_TIME = 0.002
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line))), flush=True)
