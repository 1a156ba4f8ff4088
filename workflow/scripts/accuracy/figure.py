"""Plot the accuracy with and without biases."""

from experiments.accuracy.figure import plot_accuracy
from experiments.figures import save_figure
from experiments.intermediates import read_table
from experiments.job import Job
from experiments.tables import LABELS

with Job(snakemake):
    figure = plot_accuracy(read_table(snakemake.input.table, LABELS, ["top1"]))
    save_figure(figure, snakemake.output.pdf, snakemake.output.png)
