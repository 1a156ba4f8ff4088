"""Describe a run as a Workflow Run RO-Crate (rule archive)."""

import json
from pathlib import Path

from experiments.crate import describe_run
from experiments.data.catalogue import load_catalogue
from experiments.job import Job
from experiments.writing import write_bytes, write_text

with Job(snakemake):
    files, made = snakemake.input, snakemake.output
    write_bytes(made.snakefile, Path(files.snakefile).read_bytes())
    catalogue = load_catalogue(Path(files.datasets[0]).parent)
    crate = describe_run(Path(made.metadata).parent, catalogue, Path(made.snakefile).name)
    write_text(made.metadata, json.dumps(crate, indent=2, ensure_ascii=False) + "\n")
