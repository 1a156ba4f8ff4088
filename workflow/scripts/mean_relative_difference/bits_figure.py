"""Plot the relative difference of X-DNNs against the bits of the products."""

from experiments.figures import save_figure
from experiments.intermediates import read_table
from experiments.job import Job
from experiments.mean_relative_difference.bits_figure import plot_bits
from experiments.published import read_published
from experiments.tables import LABELS

with Job(snakemake):
    files = snakemake.input
    table = read_table(files.table, [*LABELS, "dtype"], ["mantissa_bits", "mard_percent"])
    figure = plot_bits(table, read_published(files.published))
    save_figure(figure, snakemake.output.bits_pdf, snakemake.output.bits_png)
