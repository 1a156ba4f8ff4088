"""Draw a few masked images."""

from experiments.figures import load_drawing, save_figure
from experiments.job import Job
from experiments.masking.figure import plot_masked_images

with Job(snakemake):
    tensors, header = load_drawing(snakemake.input.examples, "classes", "methods", "fractions")
    figure = plot_masked_images(tensors, **header)
    save_figure(figure, snakemake.output.pdf, snakemake.output.png)
