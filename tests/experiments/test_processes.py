"""No process outlives the one that started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from experiments.processes import import_first_from, quote_interpreter, use_utf8

CHILD = "import time; from experiments.processes import end_with_parent; end_with_parent(); "
CHILD += "print('ready', flush=True); time.sleep(60)"
PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE, text=True)
child.stdout.readline()
print(child.pid, flush=True)
child.wait()
"""


def exists(process: int) -> bool:
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


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


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_a_process_ends_with_a_parent_that_is_killed(root):
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, CHILD], stdout=subprocess.PIPE, text=True, cwd=root
    )
    child = int(parent.stdout.readline())
    assert exists(child)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    end = time.monotonic() + 20
    while exists(child) and time.monotonic() < end:
        time.sleep(0.05)
    assert not exists(child)
