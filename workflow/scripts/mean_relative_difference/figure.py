"""Plot the difference between IG and Input×Gradient by arithmetic."""

from experiments.figures import save_figure
from experiments.intermediates import read_table
from experiments.job import Job
from experiments.mean_relative_difference.figure import plot_mean_relative_difference
from experiments.tables import LABELS

with Job(snakemake):
    table = read_table(snakemake.input.table, [*LABELS, "dtype"], ["mard_percent"])
    figure = plot_mean_relative_difference(table)
    save_figure(figure, snakemake.output.pdf, snakemake.output.png)
