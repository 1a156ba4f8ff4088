"""Plot the attributions of the toy functions."""

from experiments.figures import save_figure
from experiments.intermediates import read_table
from experiments.job import Job
from experiments.toys.figure import plot_toys

with Job(snakemake):
    table = read_table(
        snakemake.input.table,
        ["toy", "formula", "along", "method", "input"],
        ["position", "output", "attribution"],
    )
    figure = plot_toys(table)
    save_figure(figure, snakemake.output.pdf, snakemake.output.png)
