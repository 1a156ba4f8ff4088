"""Show the results of a run on one page (rule report)."""

from experiments.job import Job, checkout_commit, processor_name
from experiments.report.page import build_page
from experiments.writing import write_text

with Job(snakemake):
    page = build_page(
        snakemake.input.frame,
        snakemake.input.introduction,
        snakemake.params.shown,
        verdicts=snakemake.input.verdicts,
        config=snakemake.input.config,
        commit=checkout_commit(),
        processor=processor_name(),
    )
    write_text(snakemake.output[0], page)
