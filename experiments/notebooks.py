"""Notebooks run by the interpreter that runs the job, whatever kernels a user has installed."""

from __future__ import annotations

import html
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import papermill
from nbconvert import HTMLExporter
from traitlets.config import Config

from experiments.processes import ending_with_this, import_first_from, use_utf8
from experiments.writing import write_text

__all__ = ["as_page", "execute_notebook"]

# No name that a user gives a kernel: Jupyter takes the first of a name that it finds.
_KERNEL = f"xgradient-job-{os.getpid()}"
# Linux allows 107 bytes.
_LONGEST_SOCKET = 95
_FOLDERS = ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")


def execute_notebook(template: str, executed: str, parameters: Mapping[str, Any]) -> Any:
    """Execute a notebook in a new process of this interpreter.

    Parameters
    ----------
    template : str
        The notebook, with a cell that is tagged ``parameters``.
    executed : str
        The file to write: the notebook with its outputs.
    parameters : mapping
        JSON-serialisable values by name.

    Returns
    -------
    nbformat.NotebookNode
        The executed notebook.

    Raises
    ------
    papermill.PapermillExecutionError
        If a cell fails; nothing is written.
    """
    with _own_kernel() as config:
        notebook = papermill.execute_notebook(
            template,
            None,
            parameters=parameters,
            kernel_name=_KERNEL,
            progress_bar=False,
            config=config,
        )
    # For those who open it: any Python will do to read it.
    notebook.metadata.kernelspec = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    write_text(executed, nbformat.writes(notebook) + "\n")
    return notebook


def as_page(notebook: Any) -> str:
    """Turn an executed notebook into an HTML page for readers: text, tables and verdicts.

    It holds all that it shows: no script, and nothing that a browser would fetch. Titles and names
    come from the notebook and are escaped there.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        From `execute_notebook`.

    Returns
    -------
    str
        The page.
    """
    body, _ = HTMLExporter(
        exclude_input=True, exclude_output_prompt=True, template_name="basic"
    ).from_notebook_node(notebook)
    headings = [
        line.removeprefix("# ")
        for cell in notebook.cells
        if cell.cell_type == "markdown"
        for line in cell.source.splitlines()
        if line.startswith("# ")
    ]
    title = html.escape(headings[0] if headings else "Table")
    return _PAGE.format(title=title, style=_STYLE, body=body)


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{body}
</body>
</html>
"""
_STYLE = """
body { max-width: 75em; margin: 2em auto; padding: 0 1em; color: #222; background: #fff;
  font: 16px/1.5 system-ui, sans-serif; }
.anchor-link { display: none; }
.jp-OutputArea, .output { overflow-x: auto; }
table { border-collapse: collapse; margin: 1em 0; font-size: 0.9em; }
th, td { padding: 0.3em 0.8em; text-align: left; vertical-align: top; }
thead { border-bottom: 2px solid #666; }
tbody tr { border-bottom: 1px solid #ddd; }
pre, code { font: 0.9em monospace; }
"""


@contextmanager
def _own_kernel() -> Iterator[Config]:
    """Offer this interpreter as a kernel; it imports what this process imports.

    Jupyter's folders are temporary: the home folder may not be writable, and the user's startup
    files and settings are no part of the experiment. It talks to this process through files in
    them, which needs no network, not even that of the machine with itself.

    Yields
    ------
    Config
        How to reach the kernel.
    """
    start = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    import_first_from(str(Path(__file__).resolve().parents[1]))
    use_utf8()
    with tempfile.TemporaryDirectory() as folder:
        kernel = Path(folder) / "kernels" / _KERNEL / "kernel.json"
        kernel.parent.mkdir(parents=True)
        described = {
            "argv": ending_with_this(start),
            "display_name": "Python 3",
            "language": "python",
        }
        kernel.write_text(json.dumps(described), encoding="utf-8")
        private = {
            "JUPYTER_PATH": os.pathsep.join(filter(None, (folder, os.environ.get("JUPYTER_PATH")))),
            **{name: str(Path(folder) / name) for name in _FOLDERS},
        }
        before = {name: os.environ.get(name) for name in private}
        os.environ.update(private)
        try:
            connection = str(Path(folder) / "k.json")
            # A socket's name is short; numbers and -ipc are added to this one.
            transport = "ipc" if len(os.fsencode(connection)) < _LONGEST_SOCKET else "tcp"
            yield Config(KernelManager={"transport": transport, "connection_file": connection})
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value
