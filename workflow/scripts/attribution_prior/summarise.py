"""Merge the shards, average over the repetitions, and compare the methods."""

from experiments.attribution_prior.protocol import protocol_of, published_curve
from experiments.attribution_prior.summary import (
    compare_with_xg,
    eg_curve,
    merge_shards,
    read_repetitions,
    summarise,
)
from experiments.intermediates import read_json
from experiments.job import Job
from experiments.writing import write_csv

with Job(snakemake) as job:
    files, results = snakemake.input, snakemake.output
    settings, bootstrap = snakemake.params.settings, snakemake.params.bootstrap
    data = read_json(files.data)
    repetitions = merge_shards([read_repetitions(path) for path in files.rows])
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
    summary["protocol"] = protocol_of(settings)
    curve["protocol"] = protocol_of(settings, **published_curve(settings["eg_references"]))
    repetitions.insert(0, "dataset", data["dataset"])
    for path, frame in (
        (results.repetitions, repetitions),
        (results.csv, summary),
        (results.differences, differences),
        (results.eg_references, curve),
    ):
        write_csv(path, frame)
    shards = [read_json(path) for path in files.facts]
    job.write_facts(results.facts, shards=shards, data=data)
