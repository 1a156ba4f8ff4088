"""Plot accuracy against contrast, and gather its numbers (rule figure_contrast)."""

from workflow.common.job import Job
from workflow.common.tables import read_measurements
from xgradient.plotting import plot_contrast, save_figure

with Job(snakemake):
    contrast = read_measurements(snakemake.input.measurements)
    contrast.to_csv(snakemake.output.table, index=False)
    save_figure(plot_contrast(contrast), snakemake.output.pdf, snakemake.output.png)
