"""Notebooks run with the interpreter and the code of the job that runs them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys

import nbformat
import pytest
from jupyter_client.kernelspec import get_kernel_spec

from experiments.notebooks import as_page, execute_notebook

SOURCE = """
import sys
import experiments
found = [sys.executable, experiments.__file__, value]
open(where, "w").write(repr(found))
"""


@pytest.fixture
def template(tmp_path):
    notebook = nbformat.v4.new_notebook()
    cell = nbformat.v4.new_code_cell("value = 0\nwhere = ''")
    cell.metadata["tags"] = ["parameters"]
    notebook.cells = [cell, nbformat.v4.new_code_cell(SOURCE)]
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "P", "language": "python"}
    nbformat.write(notebook, tmp_path / "template.ipynb")
    return str(tmp_path / "template.ipynb")


def test_a_foreign_kernel_and_a_foreign_package_of_the_same_names_are_not_used(
    tmp_path, template, monkeypatch
):
    kernel = tmp_path / "user" / "kernels" / "python3" / "kernel.json"
    kernel.parent.mkdir(parents=True)
    kernel.write_text(json.dumps({"argv": ["false"], "display_name": "P", "language": "python"}))
    decoy = tmp_path / "site" / "experiments" / "__init__.py"
    decoy.parent.mkdir(parents=True)
    decoy.write_text("raise ImportError('the decoy')")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "user"))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "user"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    where, executed = tmp_path / "found", str(tmp_path / "executed.ipynb")
    notebook = execute_notebook(template, executed, {"value": 3, "where": str(where)})
    interpreter, package, value = eval(where.read_text())
    assert interpreter == sys.executable
    assert package == sys.modules["experiments"].__file__
    assert value == 3
    assert nbformat.read(executed, as_version=4) == notebook
    assert notebook.metadata.kernelspec.name == "python3"


def offline(*command):
    """Return a command that runs another one without any network, not even the machine's own."""
    without = ["unshare", "--map-root-user", "--net"]
    try:
        possible = subprocess.run([*without, "true"], capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no program unshare")
    if possible.returncode:
        pytest.skip(f"unshare is not permitted: {possible.stderr.decode(errors='replace')}")
    return [*without, *command]


PROGRAM = """
import sys
from experiments.notebooks import execute_notebook
execute_notebook(sys.argv[1], sys.argv[2], {"value": 3, "where": sys.argv[3]})
"""


@pytest.mark.parametrize("length", [0, 80])
def test_a_notebook_needs_no_network(tmp_path, template, root, length):
    """Its kernel is reached through files, unless their names are too long for it."""
    temporary = tmp_path / ("x" * length)
    temporary.mkdir(exist_ok=True)
    where, executed = tmp_path / "found", tmp_path / "executed.ipynb"
    command = [sys.executable, "-c", PROGRAM, template, str(executed), str(where)]
    finished = subprocess.run(
        command if length else offline(*command),
        cwd=root,
        env={**os.environ, "TMPDIR": str(temporary) if length else "/tmp"},
        capture_output=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr.decode(errors="replace")[-3000:]
    assert where.is_file() and executed.is_file()
    assert ("over TCP" in finished.stderr.decode(errors="replace")) == bool(length)


def test_files_of_the_user_do_not_run_in_a_notebook(tmp_path, template, monkeypatch):
    """A startup file of IPython may change how tables are printed."""
    startup = tmp_path / "ipython" / "profile_default" / "startup" / "own.py"
    startup.parent.mkdir(parents=True)
    startup.write_text("value = 'of the user'; import sys; sys.executable = 'another'", "utf-8")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    where = tmp_path / "found"
    executed = str(tmp_path / "executed.ipynb")
    execute_notebook(template, executed, {"value": 3, "where": str(where)})
    interpreter, _, value = eval(where.read_text(encoding="utf-8"))
    assert (interpreter, value) == (sys.executable, 3)
    assert os.environ["IPYTHONDIR"] == str(tmp_path / "ipython")


@pytest.mark.skipif(sys.platform != "linux", reason="Linux ends a process with its parent")
def test_a_kernel_is_killed_with_its_job(template, monkeypatch):
    asked = []

    def ask(*_, kernel_name, **__):
        """Run Python as the kernel would be run."""
        start = get_kernel_spec(kernel_name).argv
        question = "import ctypes; number = ctypes.c_int(); "
        question += "ctypes.CDLL(None).prctl(2, ctypes.byref(number)); print(number.value)"
        command = [*start[: start.index("-m")], "-c", question]
        asked.append(int(subprocess.check_output(command, text=True)))
        raise RuntimeError("asked")

    monkeypatch.setattr("papermill.execute_notebook", ask)
    with pytest.raises(RuntimeError, match="asked"):
        execute_notebook(template, "executed.ipynb", {})
    assert asked == [signal.SIGKILL]


def test_the_page_of_a_notebook_fetches_nothing_and_runs_nothing():
    notebook = nbformat.v4.new_notebook()
    text = nbformat.v4.new_markdown_cell("# A <b>title</b> & more\n\nSome text.")
    output = nbformat.v4.new_output("execute_result", {"text/html": "<table></table>"})
    cell = nbformat.v4.new_code_cell("hidden()", outputs=[output])
    notebook.cells = [text, cell]
    page = as_page(notebook)
    assert "<script" not in page
    assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//""", page)
    assert "@import" not in page
    assert "url(" not in page
    assert "<title>A &lt;b&gt;title&lt;/b&gt; &amp; more</title>" in page
    assert "Some text." in page
    assert "<table></table>" in page
    assert "hidden()" not in page
