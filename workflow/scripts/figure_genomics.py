"""Plot the importance of motif hits against their log-odds (rule figure_genomics)."""

from workflow.common.job import Job
from workflow.common.tables import read_measurements
from xgradient.plotting import plot_motif_hits, save_figure

with Job(snakemake):
    hits = read_measurements(snakemake.input.hits)
    figure = plot_motif_hits(hits[hits["exclusion"] == "official"], snakemake.params.strong)
    save_figure(figure, snakemake.output.pdf, snakemake.output.png)
