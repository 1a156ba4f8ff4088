"""Attribute the toy functions along their lines."""

from experiments.attributions import load_attributions
from experiments.job import Job
from experiments.toys.run import attribute_toys
from experiments.writing import write_csv

with Job(snakemake) as job:
    params = snakemake.params
    table = attribute_toys(params.n_points, load_attributions(params.methods))
    write_csv(snakemake.output.csv, table)
    job.write_facts(snakemake.output.facts)
