"""Execute a table notebook with papermill, and export its contents (rules table_*)."""

from experiments.job import Job
from experiments.notebooks import as_page, execute_notebook
from experiments.writing import write_text

with Job(snakemake) as job:
    files, results = snakemake.input, snakemake.output
    # Every named file of the rule is a parameter: the files that the notebook reads and writes.
    parameters = {
        name: value if isinstance(value, str) else list(value)
        for name, value in (*files.items(), *results.items())
        if name not in ("notebook", "html")
    }
    executed = execute_notebook(files.notebook, results.notebook, parameters)
    # For readers. The executed notebook also has the code.
    write_text(results.html, as_page(executed))
