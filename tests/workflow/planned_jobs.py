"""Print what Snakemake plans, job by job, as JSON; run as a script, in a folder without results.

python planned_jobs.py SNAKEFILE [CONFIGFILE]
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path

from snakemake.api import SnakemakeApi
from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, ResourceSettings


def described(job):
    """Return the rule, the script and the files of a job; paths are absolute."""
    # Found next to the Snakefile, which has been read by now.
    from experiments.dependencies import import_closure

    script = (
        os.path.normpath(Path(str(job.rule.basedir)) / job.rule.script) if job.rule.script else None
    )
    named = {name: value for name, value in job.input.items()}
    code = job.rule.params.get("code")
    paths, modules = code.sources(job.wildcards) if code else ([], [])
    # The checkout, also where another workflow uses it as a module.
    root = paths[0].partition("/workflow/scripts/")[0] if paths else "."
    return {
        "rule": job.rule.name,
        "wildcards": dict(job.wildcards.items()),
        "script": script,
        "notebook": os.path.abspath(named["notebook"]) if "notebook" in named else None,
        "code": list(map(str, import_closure(paths, root, modules))),
        "digest": job.params.get("code"),
        "input": list(map(str, job.input)),
        "output": list(map(str, job.output)),
        "temporary": list(map(str, job.temp_output)),
        "folders": [str(path) for path in job.output if path.is_directory],
        "methods": job.params.get("methods"),
        "checkpoint": job.params.get("checkpoint"),
        "builder": job.params.get("builder"),
        "functions": [job.params.get(name) for name in ("measurement", "summary")],
    }


def planned(snakefile: str, overlays: list[str]):
    """Return what `described` says of every job."""
    with SnakemakeApi(OutputSettings(quiet=None)) as api, contextlib.redirect_stdout(sys.stderr):
        workflow = api.workflow(
            resource_settings=ResourceSettings(cores=1),
            config_settings=ConfigSettings(configfiles=list(map(Path, overlays))),
            snakefile=Path(snakefile),
        )
        workflow.dag(DAGSettings(forceall=True)).printrulegraph()
        return [described(job) for job in workflow._workflow.dag.jobs]


if __name__ == "__main__":
    json.dump(planned(sys.argv[1], sys.argv[2:]), sys.stdout)
