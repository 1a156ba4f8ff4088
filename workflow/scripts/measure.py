"""Measure one net on the test images of one shard: one row per observation."""

import pandas as pd

from experiments.job import Job
from experiments.named import import_named
from experiments.networks.image_network import load_network
from experiments.shards import shard_of
from experiments.tables import label_rows
from experiments.writing import write_csv

with Job(snakemake) as job:
    files, params = snakemake.input, snakemake.params
    measurement = import_named(params.measurement)
    network = load_network(files.model, job.device)
    data = network.open_images(files.images)
    tasks = shard_of(measurement.tasks(params.settings, data), snakemake.wildcards.scatteritem)
    rows = measurement.measure(
        network.model, data, tasks, params.settings, job.device, job.progress
    )
    table = pd.DataFrame(rows, columns=measurement.columns)
    write_csv(snakemake.output.table, label_rows(table, **params.labels))
    job.write_facts(snakemake.output.facts, [files.model, files.images])
