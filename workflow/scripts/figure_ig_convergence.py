"""Plot the convergence of IG with the number of steps (rule figure_ig_convergence)."""

import pandas as pd

from workflow.common.job import Job
from xgradient.plotting import plot_convergence, save_figure

with Job(snakemake):
    figure = plot_convergence(
        pd.read_csv(snakemake.input.table), pd.read_csv(snakemake.input.published)
    )
    save_figure(figure, snakemake.output.pdf, snakemake.output.png)
