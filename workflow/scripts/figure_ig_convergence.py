"""Plot the convergence of IG with the number of steps (rule figure_ig_convergence)."""

import pandas as pd

from experiments.figures import save_figure
from experiments.ig_convergence.figure import plot_convergence
from experiments.job import Job

with Job(snakemake):
    figure = plot_convergence(
        pd.read_csv(snakemake.input.table), pd.read_csv(snakemake.input.published)
    )
    save_figure(figure, snakemake.output.pdf, snakemake.output.png)
