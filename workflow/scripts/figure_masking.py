"""Plot the score against the fraction of unmasked pixels (rule figure_masking)."""

from workflow.common.job import Job
from workflow.common.tables import read_measurements
from xgradient.plotting import plot_masking_curves, save_figure

with Job(snakemake):
    figure = plot_masking_curves(read_measurements(snakemake.input.curves))
    save_figure(figure, snakemake.output.pdf, snakemake.output.png)
