"""Draw accuracy and cost of training with attribution priors (rule figures_attribution_prior)."""

import pandas as pd

from experiments.attribution_prior.figure import plot_eg_references, plot_prior_auc, plot_prior_cost
from experiments.figures import save_figure
from experiments.job import Job

with Job(snakemake):
    files, results = snakemake.input, snakemake.output
    table = pd.read_csv(files.table)
    curve = pd.read_csv(files.eg_references)
    published, published_curve = map(pd.read_csv, (files.published, files.published_eg_references))
    figures = {
        "auc": plot_prior_auc(table, published),
        "eg_references": plot_eg_references(curve, published_curve, published),
        "cost": plot_prior_cost(table),
    }
    for name, figure in figures.items():
        save_figure(figure, results[f"{name}_pdf"], results[f"{name}_png"])
