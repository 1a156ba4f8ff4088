"""Summarise the measurements of the nets on sentences: one row per data set and variant."""

import pandas as pd

from experiments.intermediates import read_table
from experiments.job import Job
from experiments.tables import read_measurements
from experiments.text.run import EXACT
from experiments.text.summary import summarise
from experiments.writing import write_csv

with Job(snakemake):
    files = snakemake.input
    table = [
        {
            "dataset": dataset,
            "variant": variant,
            **summarise(
                read_measurements([predictions]),
                read_measurements([rows]),
                # Without exact sentences it has no rows.
                read_table(exact, numbers=EXACT),
            ),
        }
        for (dataset, variant), predictions, rows, exact in zip(
            snakemake.params.nets, files.predictions, files.rows, files.exact, strict=True
        )
    ]
    write_csv(snakemake.output.csv, pd.DataFrame(table))
