"""Fetch the table of features and mortality, or its fallback."""

from experiments.attribution_prior.mortality import fetch_table, table_facts, write_table
from experiments.data.catalogue import load_table
from experiments.job import Job, write_facts

with Job(snakemake) as job:
    params = snakemake.params
    fetched = fetch_table(
        load_table(snakemake.input.table),
        params.dataset,
        params.fallback,
        params.data,
        params.nhefs["drop"],
        params.nhanes18["horizon"],
    )
    write_table(snakemake.output.table, fetched.table)
    facts = table_facts(fetched, params.dataset)
    write_facts(snakemake.output.facts, job.facts(**facts))
    job.log.info(
        "%s: %d participants, %d deaths, %d features",
        *(facts[name] for name in ("dataset", "n_rows", "n_deaths", "n_features")),
    )
