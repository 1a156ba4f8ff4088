"""Merge the shards of the prior experiment, average and compare (rule merge_priors)."""

import json
from pathlib import Path

from experiments.attribution_prior.summary import (
    compare_with_xg,
    eg_curve,
    merge_shards,
    read_repetitions,
    summarise,
)
from experiments.job import Job, write_facts

with Job(snakemake) as job:
    settings, bootstrap = snakemake.params.settings, snakemake.params.bootstrap
    data = json.loads(Path(snakemake.input.data).read_text())
    repetitions = merge_shards([read_repetitions(path) for path in snakemake.input.rows])
    summary = summarise(
        repetitions,
        data["dataset"],
        settings["n_references"],
        settings["settings"]["epochs"],
        bootstrap,
        job.seed,
    )
    differences = compare_with_xg(repetitions, summary, bootstrap, job.seed)
    curve = eg_curve(repetitions, summary, settings["eg_references"], bootstrap, job.seed)
    repetitions.insert(0, "dataset", data["dataset"])
    for path, frame in (
        (snakemake.output.repetitions, repetitions),
        (snakemake.output.table, summary),
        (snakemake.output.differences, differences),
        (snakemake.output.eg_references, curve),
    ):
        frame.to_csv(path, index=False)
    shards = [json.loads(Path(path).read_text()) for path in snakemake.input.facts]
    write_facts(snakemake.output.facts, job.facts(shards=shards, data=data))
