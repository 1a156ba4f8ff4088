"""Fetch the table of features and mortality, or its fallback."""

from experiments.attribution_prior.mortality import fetch_table, table_facts, write_table
from experiments.data.catalogue import load_dataset
from experiments.job import Job, write_facts

with Job(snakemake) as job:
    dataset = load_dataset(snakemake.input.dataset)
    fallback = load_dataset(snakemake.input.fallback) if snakemake.input.fallback else None
    fetched = fetch_table(dataset, fallback, snakemake.params.data)
    write_table(snakemake.output.table, fetched.table)
    facts = table_facts(fetched, dataset.name)
    write_facts(snakemake.output.facts, job.facts(**facts))
    job.log.info(
        "%s: %d participants, %d deaths, %d features",
        *(facts[name] for name in ("dataset", "n_rows", "n_deaths", "n_features")),
    )
