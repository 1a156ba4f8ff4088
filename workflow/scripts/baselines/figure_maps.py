"""Draw attributions of a few images from every baseline."""

from experiments.baselines.figure import plot_baseline_maps
from experiments.figures import load_drawings, save_figure
from experiments.job import Job

with Job(snakemake):
    drawings = {
        variant: load_drawings(
            [path for path in snakemake.input.maps if f"-{variant}/" in path],
            "classes",
            "baselines",
        )
        for variant in snakemake.params.variants
    }
    _, header, classes = next(iter(drawings.values()))
    figure = plot_baseline_maps(
        {variant: maps for variant, (maps, _, _) in drawings.items()},
        classes,
        header["baselines"],
    )
    save_figure(figure, snakemake.output.pdf, snakemake.output.png)
