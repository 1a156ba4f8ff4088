"""Execute a table notebook with papermill, and export its contents (rules table_*)."""

import os
from pathlib import Path

import nbformat
import papermill
from nbconvert import HTMLExporter

from experiments.job import Job

with Job(snakemake) as job:
    files, results = snakemake.input, snakemake.output
    # The kernel finds the library like the script jobs do, by the folder of the Snakefile.
    base = str(Path(files.notebook).resolve().parents[1])
    os.environ["PYTHONPATH"] = os.pathsep.join(
        filter(None, [base, os.environ.get("PYTHONPATH", "")])
    )
    # Every named file of the rule is a parameter: the files that the notebook reads and writes.
    parameters = {
        name: value if isinstance(value, str) else list(value)
        for name, value in (*files.items(), *results.items())
        if name not in ("notebook", "code", "html")
    }
    papermill.execute_notebook(
        files.notebook,
        results.notebook,
        parameters=parameters,
        kernel_name="python3",
        progress_bar=False,
    )
    executed = nbformat.read(results.notebook, as_version=4)
    # For readers: text, tables and verdicts. The executed notebook also has the code.
    html, _ = HTMLExporter(exclude_input=True).from_notebook_node(executed)
    Path(results.html).write_text(html)
