"""Plot the single deletion scores."""

from experiments.figures import save_figure
from experiments.intermediates import read_table
from experiments.job import Job
from experiments.single_deletion.figure import plot_single_deletion
from experiments.tables import LABELS

with Job(snakemake):
    figure = plot_single_deletion(read_table(snakemake.input.table, [*LABELS, "domain", "method"]))
    save_figure(figure, snakemake.output.pdf, snakemake.output.png)
