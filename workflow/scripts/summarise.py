"""Summarise the measurements of several nets: one row per net and case."""

from experiments.job import Job
from experiments.named import import_named
from experiments.tables import read_measurements, summarise_nets
from experiments.writing import write_csv

with Job(snakemake):
    rows = read_measurements(snakemake.input.csv)
    table = summarise_nets(rows, import_named(snakemake.params.summary))
    write_csv(snakemake.output.csv, table)
