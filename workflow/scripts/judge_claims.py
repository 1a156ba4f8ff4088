"""Judge every claim under test from the tables of this run."""

from experiments.claims import judge_claims
from experiments.job import Job

with Job(snakemake):
    files = snakemake.input
    judge_claims(files.claims, files.tables, files.published).to_csv(
        snakemake.output[0], index=False
    )
