"""Gather tables and figures in one HTML file (rule report).

Snakemake makes reports only as a run of its own; this one reads the same configuration and leaves
the lock to the run that started it.
"""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from experiments.job import Job
from experiments.processes import ending_with_this
from experiments.writing import replacing

target = Path(snakemake.output[0])
with Job(snakemake) as job, TemporaryDirectory(dir=target.parent) as folder:
    # Snakemake tells by the suffix what to write.
    made = Path(folder) / target.name
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
        str(made),
        "--",
        "tables",
        "figures",
    ]
    finished = subprocess.run(
        ending_with_this(command), capture_output=True, encoding="utf-8", check=False
    )
    job.log.info("%s", finished.stderr)
    if finished.returncode != 0:
        raise RuntimeError(f"snakemake --report failed:\n{finished.stderr}")
    with replacing(target) as partial:
        made.rename(partial)
