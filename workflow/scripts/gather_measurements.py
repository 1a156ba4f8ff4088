"""Put the measurements of several nets together: one table for each named output."""

from experiments.job import Job
from experiments.tables import read_measurements

with Job(snakemake):
    for name, path in snakemake.output.items():
        read_measurements(snakemake.input[name]).to_csv(path, index=False)
