"""Plot how far attributions move with the baseline, and their masking metrics."""

from experiments.baselines.figure import plot_baseline_scores, plot_replacements
from experiments.figures import save_figure
from experiments.intermediates import read_table
from experiments.job import Job
from experiments.tables import LABELS

with Job(snakemake):
    files, results = snakemake.input, snakemake.output
    scores = plot_baseline_scores(read_table(files.table, [*LABELS, "baseline"]))
    save_figure(scores, results.pdf, results.png)
    replacements = read_table(files.replacement, [*LABELS, "replacement", "baseline"])
    save_figure(plot_replacements(replacements), results.replacement_pdf, results.replacement_png)
