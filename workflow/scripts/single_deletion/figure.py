"""Plot the single deletion scores."""

import pandas as pd

from experiments.figures import save_figure
from experiments.job import Job
from experiments.single_deletion.figure import plot_single_deletion

with Job(snakemake):
    figure = plot_single_deletion(pd.read_csv(snakemake.input.table))
    save_figure(figure, snakemake.output.pdf, snakemake.output.png)
