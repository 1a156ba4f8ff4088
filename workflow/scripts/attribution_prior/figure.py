"""Draw accuracy and cost of training with attribution priors."""

from experiments.attribution_prior.figure import (
    plot_eg_references,
    plot_prior_auc,
    plot_prior_cost,
)
from experiments.attribution_prior.summary import read_eg_curve, read_summary
from experiments.figures import save_figure
from experiments.job import Job
from experiments.published import read_published

with Job(snakemake):
    files, results = snakemake.input, snakemake.output
    table, curve = read_summary(files.table), read_eg_curve(files.eg_references)
    published = read_published(files.published)
    published_curve = read_published(files.published_eg_references)
    save_figure(plot_prior_auc(table, published), results.pdf, results.png)
    for part, figure in {
        "eg_references": plot_eg_references(curve, published_curve, published),
        "cost": plot_prior_cost(table),
    }.items():
        save_figure(figure, results[f"{part}_pdf"], results[f"{part}_png"])
