"""Gather tables and figures in one HTML file (rule report).

Snakemake makes reports only as a run of its own; this one reads the same configuration and leaves
the lock to the run that started it.
"""

import subprocess
import sys

from experiments.job import Job

with Job(snakemake) as job:
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--snakefile",
        snakemake.params.snakefile,
        "--configfile",
        snakemake.input.config,
        "--nolock",
        "--report",
        snakemake.output[0],
        "--",
        "tables",
        "figures",
    ]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    job.log.info("%s", finished.stderr)
    if finished.returncode != 0:
        raise RuntimeError(f"snakemake --report failed:\n{finished.stderr}")
