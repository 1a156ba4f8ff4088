"""Plot the convergence of IG with the number of steps."""

from experiments.figures import save_figure
from experiments.ig_convergence.figure import plot_convergence
from experiments.intermediates import read_table
from experiments.job import Job
from experiments.published import RESTORE
from experiments.tables import LABELS

with Job(snakemake):
    files = snakemake.input
    table = read_table(
        files.table, [*LABELS, "reference", "method"], ["n_steps", "mean_abs_difference"]
    )
    numbers = ["n_steps", "abs_difference_to_ig300"]
    published = read_table(files.published, numbers=numbers, remedy=RESTORE)
    save_figure(plot_convergence(table, published), snakemake.output.pdf, snakemake.output.png)
