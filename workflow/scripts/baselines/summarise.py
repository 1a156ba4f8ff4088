"""Summarise all nets: the measurements, with other replacements, and other normalisations."""

from functools import partial

import pandas as pd

from experiments.baselines.summary import (
    NORMALISATION,
    summarise,
    summarise_normalisations,
    summarise_replacements,
)
from experiments.job import Job
from experiments.tables import LABELS, read_measurements, summarise_nets
from experiments.writing import write_csv

with Job(snakemake):
    files, results = snakemake.input, snakemake.output
    bootstrap = snakemake.params.bootstrap
    summaries = {
        "baselines": partial(summarise, **bootstrap),
        "replacement": partial(summarise_replacements, **bootstrap),
        "normalisation": summarise_normalisations,
    }
    for name, summary in summaries.items():
        # Nets without biases may be missing.
        table = pd.DataFrame(columns=[*LABELS, *NORMALISATION])
        if files[name]:
            table = summarise_nets(read_measurements(files[name]), summary)
        write_csv(results[name], table)
