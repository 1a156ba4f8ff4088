"""A run that was killed leaves no process behind, and nothing that stops the next one."""

from __future__ import annotations

import os
import signal
import time
from functools import partial

import pandas as pd
import pytest

from tests.workflow.runs import command, overlay, processes_in, start

TABLE = "results/tables/toys.csv"


@pytest.fixture
def run(root, tmp_path):
    """Return what starts Snakemake in a session of its own, and the file that it prints to."""
    settings = overlay(tmp_path / "settings.yaml", {"toys": {"n_points": 5, "n_steps": 2}})
    printed = tmp_path / "printed"
    arguments = command(root, "--configfile", settings, "--", TABLE)
    return partial(start, arguments, tmp_path, printed), printed


def wait_for(condition, printed):
    end = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < end, printed.read_text(encoding="utf-8")
        time.sleep(0.02)


def hit(run, folder, send):
    """Start a run, send it a signal while its job imports libraries, and return its status."""
    begin, printed = run
    process = begin()
    wait_for(lambda: any("measure.py" in line for line in processes_in(folder)), printed)
    send(process.pid)
    status = process.wait(300)
    wait_for(lambda: not processes_in(folder), printed)
    return status


def locks(folder):
    return list((folder / ".snakemake").glob("locks/*.lock"))


def test_after_a_kill_the_next_run_needs_no_option(run, tmp_path):
    begin, printed = run
    assert hit(run, tmp_path, lambda main: os.kill(main, signal.SIGKILL)) == -signal.SIGKILL
    assert locks(tmp_path)
    # As if the job had been killed later.
    (tmp_path / TABLE).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / TABLE).write_text("half a line", encoding="utf-8")
    assert begin().wait(300) == 0, printed.read_text(encoding="utf-8")
    assert "The lock of a run that was killed has been removed" in printed.read_text(
        encoding="utf-8"
    )
    assert len(pd.read_csv(tmp_path / TABLE)) > 10
    assert not locks(tmp_path)


def test_a_closed_terminal_leaves_no_lock(run, tmp_path):
    assert hit(run, tmp_path, lambda main: os.killpg(main, signal.SIGHUP)) != 0
    assert not locks(tmp_path)
