"""Measure the mean absolute relative difference of one net, by precision."""

from experiments.files import load_split
from experiments.job import Job
from experiments.mean_relative_difference.run import measure
from experiments.networks.checkpoints import load_model
from experiments.tables import label_rows

with Job(snakemake) as job:
    files, settings = snakemake.input, snakemake.params.settings
    data = load_split(files.test, max(settings["n_images"].values()))
    measured = measure(load_model(files.model), data, settings, job.device, job.progress)
    labels = {"dataset": snakemake.params.dataset, **snakemake.wildcards}
    label_rows(measured, **labels).to_csv(snakemake.output.table, index=False)
    job.write_facts(snakemake.output.facts, [files.model, files.test])
