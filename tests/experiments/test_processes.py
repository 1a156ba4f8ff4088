"""No process outlives the one that started it, and what all processes of a run share."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from experiments.processes import (
    ending_with_this,
    import_first_from,
    quote_interpreter,
    use_utf8,
)

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux ends a process with its parent"
)

WAIT = "print('ready', flush=True); time.sleep(600)"
# Starts what it is given, says with which number, and stays.
PARENT = """
import os, subprocess, sys
from experiments.processes import ending_with_this, expect_jobs
expect_jobs()
command = sys.argv[2:]
if sys.argv[1] == "program":
    command = ending_with_this(command)
child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
if sys.argv[1] != "job that imports":
    child.stdout.readline()
print(child.pid, flush=True)
child.wait()
"""


def python(statements):
    return [sys.executable, "-c", f"import time; from experiments.processes import *; {statements}"]


def exists(process):
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def children(process):
    with open(f"/proc/{process}/task/{process}/children", encoding="utf-8") as file:
        return [int(number) for number in file.read().split()]


def assert_ended(process):
    end = time.monotonic() + 60
    while exists(process) and time.monotonic() < end:
        time.sleep(0.05)
    assert not exists(process)


@contextmanager
def started(root, kind, command):
    """A child of a process that is killed in the end."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, kind, *command], stdout=subprocess.PIPE, text=True, cwd=root
    )
    try:
        child = int(parent.stdout.readline())
        assert exists(child)
        yield child
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        parent.stdout.close()


@pytest.mark.parametrize("function", ["end_with_parent", "end_with_run"])
def test_a_process_ends_with_a_parent_that_is_killed(root, function):
    with started(root, "job", python(f"{function}(); {WAIT}")) as child:
        pass
    assert_ended(child)


def test_a_program_ends_with_a_parent_that_is_killed(root):
    with started(root, "program", ["sh", "-c", "trap '' TERM; echo ready; sleep 600"]) as child:
        pass
    assert_ended(child)


def test_a_job_ends_whose_parent_was_killed_while_it_imported(root, tmp_path):
    written = tmp_path / "written"
    statements = f"time.sleep(2); end_with_run(); open({str(written)!r}, 'w')"
    with started(root, "job that imports", python(statements)) as child:
        pass
    assert exists(child)
    assert_ended(child)
    assert not written.exists()


def test_a_job_ends_though_a_shell_stays_between_it_and_the_run(root):
    program, *arguments = python(f"end_with_run(); {WAIT}")
    shell = ["sh", "-c", '"$@"; true', "sh", program, *arguments]
    with started(root, "job", shell) as child:
        (job,) = children(child)
    assert_ended(job)


@pytest.mark.parametrize("starter", ["", "1234567 another-machine pid:[1]"])
def test_a_job_that_no_run_of_this_machine_started_goes_on(root, starter):
    command = python("end_with_run(); print('done')")
    environment = {**os.environ, "XGRADIENT_STARTER": starter}
    printed = subprocess.check_output(command, cwd=root, env=environment, text=True)
    assert printed == "done\n"


def test_a_program_is_run_as_it_is(tmp_path):
    command = ["sh", "-c", 'cat; pwd; echo "$0 $1"; exit 7', "first word", "--second"]
    finished = subprocess.run(
        ending_with_this(command), input="text\n", capture_output=True, text=True, cwd=tmp_path
    )
    assert finished.stdout == f"text\n{tmp_path}\nfirst word --second\n"
    assert (finished.returncode, finished.stderr) == (7, "")


@pytest.mark.parametrize(("before", "status"), [([], 128 + signal.SIGHUP), (["nohup"], 0)])
def test_a_closed_terminal_is_an_interruption_unless_that_is_ignored(root, before, status):
    statements = "interrupt_on_hangup()\ntry:\n import os; os.kill(os.getpid(), 1)\n"
    command = [*before, *python(statements + "finally:\n print('unlocked')")]
    finished = subprocess.run(
        command,
        cwd=root,
        capture_output=True,
        text=True,
        # Where the tests themselves ignore it.
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    )
    assert (finished.returncode, finished.stdout) == (status, "unlocked\n")


def test_a_folder_that_pythonpath_would_split_is_refused(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/others")
    with pytest.raises(ValueError, match="has a : in its name"):
        import_first_from("/a:b")
    assert os.environ["PYTHONPATH"] == "/others"


def test_an_interpreter_is_quoted_once_and_only_if_a_shell_would_split_it(monkeypatch, tmp_path):
    plain = sys.executable
    quote_interpreter()
    assert sys.executable == plain
    odd = tmp_path / "my dir" / "python"
    odd.parent.mkdir()
    odd.touch()
    monkeypatch.setattr(sys, "executable", str(odd))
    quote_interpreter()
    quote_interpreter()
    assert sys.executable == f"'{odd}'"


def test_processes_of_a_run_use_utf8_in_any_locale(monkeypatch, root):
    monkeypatch.setenv("PYTHONUTF8", "0")
    use_utf8()
    ascii_only = {**os.environ, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}
    said = subprocess.run(
        [sys.executable, "-c", "print('\N{GREEK SMALL LETTER ALPHA}')"],
        env=ascii_only,
        capture_output=True,
        check=True,
    )
    assert said.stdout.decode("utf-8").strip() == "\N{GREEK SMALL LETTER ALPHA}"
