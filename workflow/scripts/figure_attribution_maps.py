"""Draw attribution maps of regular net and X-DNN (rule figure_attribution_maps)."""

import json

from safetensors import safe_open
from safetensors.numpy import load_file

from experiments.attribution_maps.figure import plot_attribution_maps
from experiments.figures import save_figure
from experiments.job import Job

with Job(snakemake):
    with safe_open(snakemake.input.maps, framework="np") as file:
        header = file.metadata()
    figure = plot_attribution_maps(
        load_file(snakemake.input.maps), json.loads(header["classes"]), json.loads(header["alphas"])
    )
    save_figure(figure, snakemake.output.pdf, snakemake.output.png)
