"""Plot the score against the fraction of unmasked pixels."""

from experiments.figures import save_figure
from experiments.job import Job
from experiments.masking.figure import plot_masking_curves
from experiments.tables import read_measurements

with Job(snakemake):
    figure = plot_masking_curves(read_measurements(snakemake.input.curves))
    save_figure(figure, snakemake.output.pdf, snakemake.output.png)
