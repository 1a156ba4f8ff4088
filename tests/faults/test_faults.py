"""Twenty kills, spread over all stages of a run, and what the run comes to in the end.

Where they fall depends on the machine, but the order of the signals and the waiting times do not.
"""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest

from experiments.recovery import _jobs_have_ended
from tests.result_tables import assert_same
from tests.workflow.runs import command, processes_in, start

# What is hit, and by what.
FAULTS = [
    *13 * [("main process", signal.SIGKILL)],
    *2 * [("a job", signal.SIGKILL)],
    ("all processes", signal.SIGKILL),
    ("all processes", signal.SIGHUP),
    ("all processes", signal.SIGTERM),
    ("all processes", signal.SIGINT),
    ("main process", signal.SIGTERM),
]
# Longest time between the start of a job and a kill: its imports take one or two seconds.
DELAY = 6.0
PATIENCE = 1800.0


class Run:
    """Snakemake in a session of its own."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.folder, self.output = folder, folder / "snakemake.out"
        overlays = [root / "config/smoke.yaml", root / "tests/faults/small.yaml"]
        # Data are fetched, too, but not from the network if they are here.
        mirror = os.environ.get("XGRADIENT_MIRROR") or str(root / "data")
        arguments = command(root, "--configfile", *overlays)
        self.process = start(
            arguments, folder, self.output, XGRADIENT_MIRROR=mirror, MPLBACKEND="agg"
        )

    @property
    def printed(self) -> str:
        return self.output.read_text(encoding="utf-8", errors="replace")

    @property
    def jobs(self) -> int:
        """The number of jobs that were to be run, if Snakemake has said so."""
        found = re.search(r"^total +(\d+)$", self.printed, re.MULTILINE)
        return int(found[1]) if found else 0

    @property
    def finished(self) -> Counter[str]:
        return Counter(re.findall(r"^Finished jobid: \d+ \(Rule: (\w+)\)", self.printed, re.M))

    @property
    def running(self) -> Counter[str]:
        return Counter(re.findall(r"^(?:local)?rule (\w+):", self.printed, re.M)) - self.finished

    def wait(self) -> int:
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            pytest.fail(f"not done after {PATIENCE:g} s:\n{self.printed[-3000:]}")

    def hit(self, target: str, number: signal.Signals) -> None:
        """Send a signal; afterwards no job is at work.

        One that still imports its libraries may be left for seconds, and ends before it begins.
        """
        main = psutil.Process(self.process.pid)
        if target == "a job":
            (main.children() or [main])[0].send_signal(number)
        elif target == "all processes":
            os.killpg(main.pid, number)
        else:
            main.send_signal(number)
        self.wait()
        assert _jobs_have_ended(self.folder, 20), f"{number.name} of {target} left a job"


def wait_for(condition, run: Run) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert run.process.poll() is None, f"it has ended by itself:\n{run.printed[-3000:]}"
        assert time.monotonic() < end, run.printed[-3000:]
        time.sleep(0.05)


@pytest.fixture
def undisturbed(root, tmp_path_factory):
    """A run that is left alone, at the same time."""
    run = Run(root, tmp_path_factory.mktemp("undisturbed"))
    yield run
    run.process.kill()
    run.process.wait()


def test_twenty_kills_change_no_table(root, undisturbed, tmp_path):
    wait_for(lambda: undisturbed.jobs, undisturbed)
    chosen = random.Random(0)
    stages = set()
    for number, (target, sent) in enumerate(chosen.sample(FAULTS, len(FAULTS))):
        run = Run(root, tmp_path)

        # The first one hits a training that has been saved; the others are spread over the jobs.
        due = undisturbed.jobs * number // len(FAULTS)

        def ready(run=run, due=due):
            if not due:
                return any(tmp_path.glob("results/smoke/*/*/training.ckpt"))
            return run.running and undisturbed.jobs - run.jobs + run.finished.total() >= due

        wait_for(ready, run)
        if number:
            time.sleep(chosen.uniform(0, DELAY))
        during = sorted(run.running)
        print(f"{sent.name} of {target} during {', '.join(during)}", flush=True)
        run.hit(target, sent)
        stages.update(during)
    run = Run(root, tmp_path)
    for last in (run, undisturbed):
        assert last.wait() == 0, last.printed[-3000:]
    assert not processes_in(tmp_path)
    assert len(stages) > 10
    assert (
        "resuming after"
        in (tmp_path / "results/smoke/logs/train/fashion_mnist/alexnet-regular.log").read_text()
    )
    tables = Path("results/smoke/tables")
    assert_same(tmp_path / tables, undisturbed.folder / tables, root)
