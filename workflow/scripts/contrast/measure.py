"""Measure the accuracy of one net on images of decreasing contrast."""

import torch

from experiments.contrast.run import measure
from experiments.files import load_split
from experiments.job import Job
from experiments.networks.checkpoints import load_model
from experiments.tables import label_rows

with Job(snakemake) as job:
    files, settings = snakemake.input, snakemake.params.settings
    data = load_split(files.test, settings["n_images"])
    model = load_model(files.model).to(job.device, memory_format=torch.channels_last)
    measured = measure(model, data, settings, job.device, job.progress)
    labels = {"dataset": snakemake.params.dataset, **snakemake.wildcards}
    label_rows(measured, **labels).to_csv(snakemake.output.table, index=False)
    job.write_facts(snakemake.output.facts, [files.model, files.test])
