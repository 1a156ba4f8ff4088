"""The lock of a run that was killed is removed, and no other."""

from __future__ import annotations

import errno
import fcntl
import os
import platform
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

from experiments import recovery
from experiments.recovery import enter_job, enter_run

REMOVED = "The lock of a run that was killed has been removed"
RUN = """
import sys, time
from pathlib import Path
from experiments.recovery import enter_job, enter_run
folder = Path(sys.argv[1])
if "run" in sys.argv:
    enter_run(folder)
    for kind in ("input", "output"):
        (folder / f".snakemake/locks/0.{kind}.lock").write_text("results/a\\n")
if "job" in sys.argv:
    enter_job(folder)
print("ready", flush=True)
time.sleep(600)
"""


@pytest.fixture(autouse=True)
def _leave(monkeypatch):
    """Let a test enter runs, and leave them in the end."""
    held = []
    monkeypatch.setattr(recovery, "_held", held)
    yield
    for file in held:
        os.close(file)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / ".snakemake/locks").mkdir(parents=True)
    return tmp_path


def locks(folder):
    return sorted(path.name for path in (folder / ".snakemake/locks").iterdir())


@contextmanager
def at_work(root, folder, *roles):
    """A run, a job or both, in a process that is killed in the end."""
    command = [sys.executable, "-c", RUN, str(folder), *roles]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=root)
    try:
        process.stdout.readline()
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()


def test_the_lock_of_a_killed_run_is_removed(root, folder):
    with at_work(root, folder, "run"):
        assert locks(folder) == ["0.input.lock", "0.output.lock"]
    assert enter_run(folder) == REMOVED
    assert locks(folder) == []


def test_the_lock_of_a_run_at_work_stays(root, folder):
    with at_work(root, folder, "run"):
        assert enter_run(folder, patience=0) is None
        assert locks(folder) == ["0.input.lock", "0.output.lock"]


def test_also_when_another_one_was_killed(root, folder):
    """Snakemake lets two runs that make different files into one folder."""
    with at_work(root, folder, "run"):
        with at_work(root, folder, "run"):
            pass
        assert enter_run(folder, patience=0) is None
        assert locks(folder) == ["0.input.lock", "0.output.lock"]


def test_the_lock_stays_as_long_as_a_job_of_the_killed_run_goes_on(root, folder):
    with at_work(root, folder, "run"), at_work(root, folder, "job"):
        pass
    with at_work(root, folder, "job"):
        assert "its jobs go on" in enter_run(folder, patience=0)
        assert locks(folder)


def test_jobs_that_are_ending_are_waited_for(root, folder):
    with at_work(root, folder, "run"):
        pass
    ending = "import sys, time; from pathlib import Path; from experiments.recovery import *; "
    ending += "enter_job(Path(sys.argv[1])); print('ready', flush=True); time.sleep(1)"
    command = [sys.executable, "-c", ending, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=root) as job:
        job.stdout.readline()
        assert enter_run(folder, patience=60) == REMOVED


def test_a_lock_of_unknown_origin_stays(folder):
    (folder / ".snakemake/locks/0.input.lock").touch()
    assert enter_run(folder) is None
    os.close(recovery._held.pop())
    # And is not taken for one of ours afterwards.
    assert enter_run(folder) is None and locks(folder)


@pytest.mark.parametrize("another", [False, True])
def test_the_lock_of_a_run_on_another_machine_stays(root, folder, another):
    with at_work(root, folder, "run"):
        pass
    machines = folder / ".snakemake/alive/runs"
    before = machines.read_text() if another else ""
    machines.write_text(before + "node7 0f1e2d3c\n")
    said = enter_run(folder)
    assert "on node7:" in said and "snakemake --unlock" in said
    assert locks(folder)


@pytest.mark.parametrize("changed", ["name", "start"])
def test_a_machine_that_was_renamed_or_started_again_is_the_same(root, folder, changed):
    with at_work(root, folder, "run"):
        pass
    name, start = recovery._machine().split()
    assert name == platform.node()
    machine = f"other {start}" if changed == "name" else f"{name} 0f1e2d3c"
    (folder / ".snakemake/alive/runs").write_text(f"{machine}\n")
    assert enter_run(folder) == REMOVED


@pytest.mark.parametrize("enter", [enter_run, enter_job])
def test_runs_and_jobs_on_a_second_machine_are_written_down(root, folder, monkeypatch, enter):
    with at_work(root, folder, "run"):
        monkeypatch.setattr(recovery, "_machine", lambda: "node7 0f1e2d3c")
        assert enter(folder) is None
    os.close(recovery._held.pop())
    monkeypatch.undo()
    assert "node7" in enter_run(folder)


def test_without_locks_of_the_system_nothing_is_removed(root, folder, monkeypatch):
    with at_work(root, folder, "run"):
        pass

    def refuse(file, operation):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert enter_run(folder) is None
    enter_job(folder)
    assert locks(folder)


def test_a_folder_that_cannot_be_written_to_is_left_to_snakemake(tmp_path):
    (tmp_path / ".snakemake").touch()
    assert enter_run(tmp_path) is None
    enter_job(tmp_path)


def test_a_job_outside_of_a_run_leaves_nothing(tmp_path):
    enter_job(tmp_path)
    assert list(tmp_path.iterdir()) == []
