"""Plot the convergence of IG with the number of steps."""

import pandas as pd

from experiments.figures import save_figure
from experiments.ig_convergence.figure import plot_convergence
from experiments.job import Job

with Job(snakemake):
    table, published = (pd.read_csv(snakemake.input[name]) for name in ("table", "published"))
    save_figure(plot_convergence(table, published), snakemake.output.pdf, snakemake.output.png)
