"""Put the measurements of several nets together: one table for each named output."""

from experiments.job import Job
from experiments.tables import read_measurements
from experiments.writing import write_csv

with Job(snakemake):
    for name, path in snakemake.output.items():
        write_csv(path, read_measurements(snakemake.input[name]))
