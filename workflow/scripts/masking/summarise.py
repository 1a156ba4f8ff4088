"""Average the areas over the images of every net, with bootstrap intervals."""

from functools import partial

import pandas as pd

from experiments.job import Job
from experiments.masking.summary import summarise
from experiments.tables import read_measurements, summarise_nets
from experiments.writing import write_csv

with Job(snakemake) as job:
    params = snakemake.params
    tables = [
        summarise_nets(read_measurements([path]), partial(summarise, **bootstrap, seed=seed))
        for path, bootstrap, seed in zip(
            snakemake.input.images, params.bootstraps, params.seeds, strict=True
        )
    ]
    write_csv(snakemake.output.csv, pd.concat(tables, ignore_index=True))
    job.write_facts(snakemake.output.facts)
