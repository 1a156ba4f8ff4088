"""Judge every claim under test from the tables of this run."""

from experiments.claims import judge_claims
from experiments.job import Job
from experiments.writing import write_csv

with Job(snakemake):
    files = snakemake.input
    verdicts = judge_claims(files.claims, files.tables, files.published)
    write_csv(snakemake.output[0], verdicts)
