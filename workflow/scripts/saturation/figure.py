"""Plot score and gradients of the first image along the path."""

from experiments.figures import load_drawings, save_figure
from experiments.job import Job
from experiments.saturation.figure import plot_saturation
from experiments.tables import read_measurements

with Job(snakemake):
    files, params = snakemake.input, snakemake.params
    rows = read_measurements(files.csv)
    variants = list(dict.fromkeys(rows["variant"]))
    drawings = {
        variant: load_drawings([path for path in files.maps if f"-{variant}/" in path], "classes")
        for variant in variants
    }
    figure = plot_saturation(
        rows[rows["image"] == rows["image"].iloc[0]],
        {variant: maps for variant, (maps, _, _) in drawings.items()},
        drawings[variants[0]][2][0],
        params.shown,
    )
    save_figure(figure, snakemake.output.pdf, snakemake.output.png)
