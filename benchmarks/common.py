"""Shared by the benchmarks: interleaved timing, peak memory, and results as plain CSV.

A benchmark compares implementations within one run: the same net, the same images, the same number
of threads, and the repeats interleaved, so that a machine that slows down slows all of them down.
"""

from __future__ import annotations

import argparse
import csv
import functools
import multiprocessing
import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

REPOSITORY = Path(__file__).resolve().parents[1]
# The library need not be installed; the literal references live with the tests.
sys.path.insert(0, str(REPOSITORY))

import torch  # noqa: E402

from experiments.job import checkout_commit, processor_name  # noqa: E402

MEBIBYTE = 1024**2
Key = TypeVar("Key")
CLOCKS = {"wall": time.perf_counter, "processor": time.process_time}
_MMAP_THRESHOLD = "MALLOC_MMAP_THRESHOLD_"


def argument_parser(description: str, clock: bool = False) -> argparse.ArgumentParser:
    """Options that every benchmark has.

    Parameters
    ----------
    description : str
        Description of the benchmark.
    clock : bool, default False
        Whether it can measure the time of the processor.

    Returns
    -------
    argparse.ArgumentParser
        Parser with ``--output-dir``, ``--quick``, ``--repeats``, ``--threads`` and, if asked for,
        ``--clock``.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--output-dir", type=Path, default=REPOSITORY / "results" / "benchmarks")
    parser.add_argument("--quick", action="store_true", help="small images, few repeats")
    parser.add_argument("--repeats", type=int, default=5, help="interleaved repeats")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch")
    if clock:
        parser.add_argument(
            "--clock",
            choices=CLOCKS,
            default="wall",
            help="processor: time of all threads, for a machine that others use at the same time",
        )
    return parser


@dataclass
class Results:
    """Rows of a benchmark's CSV: one measured quantity per row.

    Attributes
    ----------
    benchmark : str
        Name of the benchmark, and of its file.
    rows : list of dict
        The measurements, in order.
    """

    benchmark: str
    rows: list[dict[str, object]] = field(default_factory=list)

    def add(
        self,
        case: str,
        quantity: str,
        values: float | Sequence[float],
        unit: str,
        **setting: object,
    ) -> float:
        """Add one quantity, and print it.

        Parameters
        ----------
        case : str
            Which implementation or part was measured.
        quantity : str
            The measured quantity.
        values : float or sequence of float
            The measurement, or its repeats.
        unit : str
            Unit of the values; empty for a ratio.
        **setting : object
            Further conditions of the number, such as the size of the images.

        Returns
        -------
        float
            Median of the values.
        """
        repeats = [values] if isinstance(values, (int, float)) else list(values)
        median = statistics.median(repeats)
        described = " ".join(f"{key}={value}" for key, value in setting.items())
        self.rows.append(
            {
                "benchmark": self.benchmark,
                "case": case,
                "quantity": quantity,
                "median": f"{median:.6g}",
                "min": f"{min(repeats):.6g}",
                "max": f"{max(repeats):.6g}",
                "repeats": len(repeats),
                "unit": unit,
                "setting": described,
                **environment(),
            }
        )
        print(f"{case:>32} | {quantity}: {median:.4g} {unit} [{described}]", flush=True)
        return median

    def write(self, output_dir: Path) -> Path:
        """Write ``output_dir/NAME.csv``.

        Parameters
        ----------
        output_dir : Path
            Folder; made if it is missing.

        Returns
        -------
        Path
            The file.
        """
        output_dir.mkdir(parents=True, exist_ok=True)
        path = output_dir / f"{self.benchmark}.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(self.rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows)
        return path


@functools.cache
def _commit() -> str:
    return checkout_commit()


def environment() -> dict[str, object]:
    """Versions and hardware that a timing depends on, and when it was taken.

    Returns
    -------
    dict of str to object
        Threads, processor, number of processors, versions of torch and Python, commit, and date
        (UTC).
    """
    return {
        "threads": torch.get_num_threads(),
        "processor": processor_name(),
        "processors": os.cpu_count(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "commit": _commit(),
        "date": datetime.now(UTC).date().isoformat(),
    }


def allow_tf32(allowed: bool) -> None:
    """Let a GPU round the operands of products to TF32, or not; the jobs of the pipeline do not."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = allowed


def interleaved_times(
    functions: Mapping[Key, Callable[[], object]],
    repeats: int,
    warmup: int = 1,
    clock: str = "wall",
) -> dict[Key, list[float]]:
    """Time of several functions, taken in turn: A B C, A B C, ...

    Parameters
    ----------
    functions : mapping to callable
        Functions to time, by name.
    repeats : int
        Number of rounds.
    warmup : int
        Number of rounds before that are not counted.
    clock : {"wall", "processor"}
        What is read.

    Returns
    -------
    dict to list of float
        Seconds, one value per round.
    """
    seconds: dict[Key, list[float]] = {name: [] for name in functions}
    for turn in range(warmup + repeats):
        for name, function in functions.items():
            start = CLOCKS[clock]()
            function()
            elapsed = CLOCKS[clock]() - start
            if turn >= warmup:
                seconds[name].append(elapsed)
    return seconds


def ratio_of_medians(numerator: Sequence[float], denominator: Sequence[float]) -> float:
    """Ratio of the medians of two series of repeats.

    Parameters
    ----------
    numerator, denominator : sequence of float
        Repeats, in the same unit.

    Returns
    -------
    float
        Ratio.
    """
    return statistics.median(numerator) / statistics.median(denominator)


def peak_memory(
    prepare: Callable[..., Callable[[], object]], *arguments: object, threads: int = 1
) -> float:
    """Largest resident memory that a call adds, measured in a separate process.

    A fresh process is needed because an allocator that keeps freed memory hides what a later call
    takes. Whatever `prepare` allocates (net, inputs) is not counted.

    Parameters
    ----------
    prepare : callable
        Module-level function that returns the call to measure.
    *arguments : object
        Arguments of `prepare`; they travel to the other process.
    threads : int
        Threads of torch in that process.

    Returns
    -------
    float
        Mebibytes above what was resident before the call.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(
        target=_measure_peak, args=(sender, prepare, arguments, threads), daemon=True
    )
    # Without this, glibc keeps freed blocks of up to 32 MiB, and a peak depends on the history.
    before = os.environ.get(_MMAP_THRESHOLD)
    os.environ[_MMAP_THRESHOLD] = "65536"
    try:
        process.start()
    finally:
        if before is None:
            del os.environ[_MMAP_THRESHOLD]
        else:
            os.environ[_MMAP_THRESHOLD] = before
    sender.close()
    try:
        peak = receiver.recv()
    except EOFError:
        process.join()
        raise RuntimeError(
            f"the process that measures the memory of {prepare.__name__} failed "
            f"(exit code {process.exitcode})"
        ) from None
    process.join()
    return peak


def _measure_peak(sender, prepare, arguments, threads: int) -> None:
    torch.set_num_threads(threads)
    call = prepare(*arguments)
    before = _peak_resident(reset=True)
    call()
    sender.send((_peak_resident() - before) / MEBIBYTE)


def _peak_resident(reset: bool = False) -> int:
    """Peak resident memory of this process in bytes, on Linux since the last reset."""
    status = Path("/proc/self/status")
    if status.exists():
        if reset:
            # Sets the peak to what is resident now.
            Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
        lines = status.read_text(encoding="utf-8").splitlines()
        line = next(x for x in lines if x.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
