"""Train every method and strength on the repetitions of one shard."""

from experiments.attribution_prior.mortality import read_table
from experiments.attribution_prior.run import shard_repetitions, train_shard
from experiments.job import Job
from experiments.writing import write_csv

with Job(snakemake) as job:
    settings = snakemake.params.settings
    rows = train_shard(
        *read_table(snakemake.input.table),
        shard_repetitions(
            settings["n_repetitions"], snakemake.wildcards.scatteritem, job.device.type
        ),
        settings,
        job.seed,
        job.device,
        lambda trainings: job.progress(trainings, "trainings"),
    )
    write_csv(snakemake.output.rows, rows)
    job.write_facts(snakemake.output.facts, [snakemake.input.table])
