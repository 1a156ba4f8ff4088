"""Plot the difference between IG and Input×Gradient by arithmetic."""

import pandas as pd

from experiments.figures import save_figure
from experiments.job import Job
from experiments.mean_relative_difference.figure import plot_mean_relative_difference

with Job(snakemake):
    figure = plot_mean_relative_difference(pd.read_csv(snakemake.input.table))
    save_figure(figure, snakemake.output.pdf, snakemake.output.png)
