"""Plot the accuracy with and without biases."""

import pandas as pd

from experiments.accuracy.figure import plot_accuracy
from experiments.figures import save_figure
from experiments.job import Job

with Job(snakemake):
    figure = plot_accuracy(pd.read_csv(snakemake.input.table))
    save_figure(figure, snakemake.output.pdf, snakemake.output.png)
