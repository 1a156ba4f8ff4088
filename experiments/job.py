"""The frame of every job: log, seed, threads and device, and its provenance record."""

from __future__ import annotations

import contextlib
import ctypes
import datetime
import gc
import json
import logging
import os
import platform
import random
import subprocess
import sys
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from tqdm.auto import tqdm

from experiments.digests import digest_of
from experiments.processes import end_with_run
from experiments.recovery import enter_job
from experiments.writing import disk_problem, write_text

if TYPE_CHECKING:
    import torch

__all__ = ["Job", "checkout_commit", "processor_name", "write_facts"]

_Item = TypeVar("_Item")

# Numbers of the options in malloc.h of glibc.
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4

_VERSIONS = ("numpy", "safetensors", "snakemake", "torch", "torchvision")

logger = logging.getLogger("xgradient.job")


def checkout_commit() -> str:
    """Return the commit of the checkout, marked where files differ from it.

    Empty outside git: without the program, unpacked from an archive, or unpacked within the
    repository of something else, whose commit says nothing about this project.
    """
    root = Path(__file__).resolve().parents[1]
    top = _git(root, "rev-parse", "--show-toplevel")
    if not top or Path(top).resolve() != root:
        return ""
    return _git(root, "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*")


def _git(root: Path, *arguments: str) -> str:
    try:
        answer = subprocess.run(
            ["git", "-C", str(root), *arguments],
            capture_output=True,
            check=False,
            timeout=60,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    # A path may be no UTF-8.
    return os.fsdecode(answer.stdout).strip()


def processor_name() -> str:
    """Return what the processor calls itself, or else its kind."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _keep_freed_memory() -> None:
    """Let glibc keep large blocks that were freed, for the next batch.

    By default it returns them to the system and has new ones zeroed, batch after batch: a fifth of
    the processor time of a small training, and of IG in float64 on photographs. Elsewhere this does
    nothing.
    """
    with contextlib.suppress(AttributeError, OSError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, 2**30)


class _LogFile(logging.FileHandler):
    """The log of a job. A full disk is no reason to stop: the terminal has it, too."""

    def __init__(self, path: str) -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        super().__init__(path, mode="w", encoding="utf-8")

    def handleError(self, record: logging.LogRecord) -> None:
        """Say it once, and not for every line."""
        logging.getLogger().removeHandler(self)
        logger.warning("%s cannot be written (%s)", self.baseFilename, sys.exc_info()[1])

    def close(self) -> None:
        """Close the file; what it has not written by then is lost."""
        with contextlib.suppress(OSError):
            super().close()


class Job:
    """The surroundings of one job, as a context manager.

    Entering seeds Python, NumPy and torch from ``snakemake.params.seed``, sets the number of
    threads, switches TF32 off and sends the log to ``snakemake.log``; an exception is written to
    the log with its traceback and raised again.

    Parameters
    ----------
    snakemake
        The object that Snakemake gives to a script: ``rule``, ``log``, ``params`` (with ``seed``
        and, where a network runs, ``device``), ``threads``, ``input``, ``wildcards``.

    Attributes
    ----------
    seed : int
        The seed of this job.
    label : str
        The rule and its wildcards, for progress bars.
    log : logging.Logger
        Goes to the terminal and to the log file.
    """

    log = logger

    def __init__(self, snakemake: Any) -> None:
        self._snakemake = snakemake
        self.seed = int(snakemake.params.get("seed", 0))
        self.label = " ".join([snakemake.rule, *map(str, snakemake.wildcards)])
        self._handlers: list[logging.Handler] = []

    def __enter__(self) -> Job:
        """Prepare the process."""
        end_with_run()
        enter_job(Path.cwd())
        handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
        unwritten = ""
        if self._snakemake.log:
            try:
                handlers.append(_LogFile(self._snakemake.log[0]))
            except OSError as error:
                unwritten = f"no log in {self._snakemake.log[0]} ({error})"
        for handler in handlers:
            handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
            logging.getLogger().addHandler(handler)
        logging.getLogger().setLevel(logging.INFO)
        logging.captureWarnings(True)
        self._handlers = handlers
        _keep_freed_memory()
        if not gc.isenabled():
            # See experiments/__init__.py. Frozen, what was imported is not looked through at the
            # end of the process either.
            gc.freeze()
            gc.enable()
        random.seed(self.seed)
        np.random.seed(self.seed)
        # Importing torch takes longer than most figures and tables; a script that computes with it
        # has imported it by now.
        if "torch" in sys.modules:
            self._prepare_torch()
        logger.info("%s: seed %d", self.label, self.seed)
        if unwritten:
            logger.warning("%s", unwritten)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Log an exception and close the log."""
        problem = disk_problem(error)
        if problem is not None:
            # Nothing that a traceback would explain.
            logger.error("%s: %s", self.label, problem)
        elif error is not None:
            # The terminal gets the traceback from Python itself, the file from here.
            for handler in self._handlers[1:]:
                logging.getLogger().removeHandler(self._handlers[0])
                logger.error("%s failed", self.label, exc_info=(type(error), error, traceback))
                handler.flush()
        for handler in self._handlers:
            logging.getLogger().removeHandler(handler)
            handler.close()
        self._handlers = []
        if problem is not None:
            sys.exit(1)

    @property
    def device(self) -> torch.device:
        """Device on which networks run."""
        import torch

        return torch.device(self._snakemake.params.get("device", "cpu"))

    @staticmethod
    def dtype(precision: str) -> torch.dtype:
        """Type of numbers with the name that a configuration gives it, such as float64."""
        import torch

        dtype: torch.dtype = getattr(torch, precision)
        return dtype

    @property
    def _threads(self) -> int:
        """Threads as configured, also where Snakemake has fewer cores: they decide last bits."""
        config = getattr(self._snakemake, "config", {})
        configured = config.get("threads", 1) * self._snakemake.params.get("devices", 1)
        return max(1, configured, self._snakemake.threads)

    def _prepare_torch(self) -> None:
        import torch

        if self.device.type == "cuda" and not torch.cuda.is_available():
            error = RuntimeError(
                f"config: device is {str(self.device)!r}, but torch finds no GPU: set device "
                "to cpu, or run on a machine with one"
            )
            logger.error("%s", error)
            raise error
        torch.manual_seed(self.seed)
        torch.set_num_threads(self._threads)
        # TF32 keeps 10 of 23 mantissa bits, which turns a difference of zero into several percent.
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False

    def progress(self, items: Iterable[_Item], what: str) -> Iterable[_Item]:
        """Iterate over the items, with a progress bar on a terminal."""
        return tqdm(items, desc=f"{self.label} {what}", disable=None, leave=False)

    def write_facts(self, path: str | Path, inputs: Iterable[str | Path] = (), **more: Any) -> None:
        """Write `facts` as a JSON file, after everything else, with the digests of the tables.

        `experiments.intermediates.read_table` compares them: a table that is cut off between two
        rows looks like any other.
        """
        tables = [table for table in self._snakemake.output if str(table).endswith(".csv")]
        outputs = {Path(table).name: digest_of(table) for table in tables}
        write_facts(path, self.facts(inputs, outputs=outputs, **more))

    def facts(self, inputs: Iterable[str | Path] = (), **more: Any) -> dict[str, Any]:
        """Return the provenance of a result.

        Parameters
        ----------
        inputs : iterable of path
            Files whose digest belongs to the result.
        **more
            Further JSON-serialisable facts.

        Returns
        -------
        dict
            Rule, wildcards, seed, parameters, device, processor, versions, commit, date (UTC) and
            the digests of the inputs.
        """
        import torch

        parameters = {
            name: value
            for name, value in self._snakemake.params.items()
            if name not in ("seed", "device", "code")
        }
        processor = (
            torch.cuda.get_device_name(self.device)
            if self.device.type == "cuda"
            else processor_name()
        )
        return {
            "rule": self._snakemake.rule,
            "wildcards": dict(self._snakemake.wildcards.items()),
            "seed": self.seed,
            "parameters": json.loads(json.dumps(parameters, default=str)),
            "device": str(self.device),
            "processor": processor,
            "threads": torch.get_num_threads(),
            "system": platform.platform(),
            "python": platform.python_version(),
            "versions": {name: version(name) for name in _VERSIONS},
            "commit": checkout_commit(),
            "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "inputs": {Path(path).name: digest_of(path) for path in inputs},
            **more,
        }


def write_facts(path: str | Path, facts: Mapping[str, Any]) -> None:
    """Write the provenance of a result as an indented JSON file."""
    write_text(path, json.dumps(facts, indent=2, sort_keys=True) + "\n")
