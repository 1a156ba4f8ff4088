"""Plot the attributions of the toy functions."""

import pandas as pd

from experiments.figures import save_figure
from experiments.job import Job
from experiments.toys.figure import plot_toys

with Job(snakemake):
    figure = plot_toys(pd.read_csv(snakemake.input.table))
    save_figure(figure, snakemake.output.pdf, snakemake.output.png)
