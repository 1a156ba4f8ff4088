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

from experiments.processes import import_first_from

__all__ = ["as_page", "execute_notebook"]

# No name that a user gives a kernel: Jupyter takes the first of a name that it finds.
_KERNEL = f"xgradient-job-{os.getpid()}"


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
        If a cell fails; what was executed until then has been written.
    """
    with _own_kernel():
        papermill.execute_notebook(
            template, executed, parameters=parameters, kernel_name=_KERNEL, progress_bar=False
        )
    notebook = nbformat.read(executed, as_version=4)
    # For those who open it: any Python will do to read it.
    notebook.metadata.kernelspec = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    nbformat.write(notebook, executed)
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
def _own_kernel() -> Iterator[None]:
    """Offer this interpreter as a kernel; it imports what this process imports."""
    start = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    before = os.environ.get("JUPYTER_PATH")
    import_first_from(str(Path(__file__).resolve().parents[1]))
    with tempfile.TemporaryDirectory() as folder:
        kernel = Path(folder) / "kernels" / _KERNEL / "kernel.json"
        kernel.parent.mkdir(parents=True)
        described = {"argv": start, "display_name": "Python 3", "language": "python"}
        kernel.write_text(json.dumps(described))
        os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, (folder, before)))
        try:
            yield
        finally:
            os.environ.pop("JUPYTER_PATH")
            if before is not None:
                os.environ["JUPYTER_PATH"] = before
