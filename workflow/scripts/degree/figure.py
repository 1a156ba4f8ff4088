"""Draw the attributions of one image by nets of several degrees."""

from experiments.degree.figure import plot_degree
from experiments.figures import load_drawing, save_figure
from experiments.job import Job

with Job(snakemake):
    pairs = zip(snakemake.params.nets, snakemake.input.maps, strict=True)
    figure = plot_degree({net: load_drawing(path)[0] for net, path in pairs})
    save_figure(figure, snakemake.output.pdf, snakemake.output.png)
