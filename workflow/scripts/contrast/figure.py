"""Plot accuracy against contrast."""

import pandas as pd

from experiments.contrast.figure import plot_contrast
from experiments.figures import save_figure
from experiments.job import Job

with Job(snakemake):
    figure = plot_contrast(pd.read_csv(snakemake.input.table))
    save_figure(figure, snakemake.output.pdf, snakemake.output.png)
