"""Draw which method satisfies which axiom."""

import pandas as pd

from experiments.axioms.figure import plot_axioms
from experiments.figures import save_figure
from experiments.job import Job
from experiments.published import read_published

with Job(snakemake):
    table, published = pd.read_csv(snakemake.input.table), read_published(snakemake.input.published)
    save_figure(plot_axioms(table, published), snakemake.output.pdf, snakemake.output.png)
