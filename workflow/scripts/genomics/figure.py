"""Plot the importance of motif hits against their log-odds."""

from experiments.figures import save_figure
from experiments.genomics.figure import plot_motif_hits
from experiments.job import Job
from experiments.tables import read_measurements

with Job(snakemake):
    hits = read_measurements(snakemake.input.hits)
    figure = plot_motif_hits(hits[hits["exclusion"] == "official"], snakemake.params.strong)
    save_figure(figure, snakemake.output.pdf, snakemake.output.png)
