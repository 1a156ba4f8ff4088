"""Summarise the measurements of several nets: one row per net and case."""

from functools import partial

from experiments.job import Job
from experiments.named import import_named
from experiments.tables import read_measurements, summarise_nets
from experiments.writing import write_csv

with Job(snakemake):
    params = snakemake.params
    rows = read_measurements(snakemake.input.csv)
    summary = partial(import_named(params.summary), **params.get("arguments", {}))
    table = summarise_nets(rows, summary)
    write_csv(snakemake.output.csv, table)
