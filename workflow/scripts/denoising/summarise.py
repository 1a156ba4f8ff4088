"""Summarise the measurements of the denoisers: one row per net and noise."""

import pandas as pd

from experiments.denoising.summary import summarise
from experiments.job import Job
from experiments.tables import label_rows, read_measurements
from experiments.writing import write_csv

with Job(snakemake):
    files, params = snakemake.input, snakemake.params
    tables = [
        label_rows(
            summarise(
                read_measurements([restored]), read_measurements([filters]), params.trained_up_to
            ),
            net=net,
        )
        for net, restored, filters in zip(params.nets, files.restored, files.filters, strict=True)
    ]
    write_csv(snakemake.output.csv, pd.concat(tables, ignore_index=True))
