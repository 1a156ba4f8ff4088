"""Summarise the measurements of the nets of higher degree: one row per net."""

import pandas as pd

from experiments.degree.summary import summarise
from experiments.job import Job
from experiments.tables import read_measurements
from experiments.writing import write_csv

with Job(snakemake):
    table = [
        {"net": net, **summarise(read_measurements([path]), degree)}
        for (net, degree), path in zip(
            snakemake.params.degrees.items(), snakemake.input.csv, strict=True
        )
    ]
    write_csv(snakemake.output.csv, pd.DataFrame(table))
