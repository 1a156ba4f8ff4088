"""Plot accuracy against contrast, and gather its numbers (rule figure_contrast)."""

from experiments.contrast.figure import plot_contrast
from experiments.figures import save_figure
from experiments.job import Job
from experiments.tables import read_measurements

with Job(snakemake):
    contrast = read_measurements(snakemake.input.measurements)
    contrast.to_csv(snakemake.output.table, index=False)
    save_figure(plot_contrast(contrast), snakemake.output.pdf, snakemake.output.png)
