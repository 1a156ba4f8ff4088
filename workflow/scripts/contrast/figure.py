"""Plot accuracy against contrast."""

from experiments.contrast.figure import plot_contrast
from experiments.figures import save_figure
from experiments.intermediates import read_table
from experiments.job import Job
from experiments.tables import LABELS

with Job(snakemake):
    figure = plot_contrast(read_table(snakemake.input.table, LABELS, ["alpha", "top1"]))
    save_figure(figure, snakemake.output.pdf, snakemake.output.png)
