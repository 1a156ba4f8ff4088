"""Draw the accuracy on sentences, and how Input×Gradient differs from Integrated Gradients."""

import pandas as pd

from experiments.figures import save_figure
from experiments.intermediates import read_table
from experiments.job import Job
from experiments.published import read_published
from experiments.tables import label_rows, read_measurements
from experiments.text.figure import plot_text

with Job(snakemake):
    files = snakemake.input
    rows = [
        label_rows(read_measurements([path]), dataset=dataset, variant=variant)
        for (dataset, variant), path in zip(snakemake.params.nets, files.rows, strict=True)
    ]
    figure = plot_text(
        read_table(files.table, ["dataset", "variant"], ["top1"]),
        read_published(files.published),
        pd.concat(rows, ignore_index=True),
    )
    save_figure(figure, snakemake.output.pdf, snakemake.output.png)
