"""Draw attribution maps of regular net and X-DNN."""

from experiments.attribution_maps.figure import plot_attribution_maps
from experiments.figures import load_drawings, save_figure
from experiments.job import Job

with Job(snakemake):
    maps, header, classes = load_drawings(snakemake.input.maps, "classes", "alphas", "columns")
    figure = plot_attribution_maps(maps, classes=classes, **header)
    save_figure(figure, snakemake.output.pdf, snakemake.output.png)
