"""Draw a few masked images (rule figure_masked_images)."""

import json

from safetensors import safe_open
from safetensors.numpy import load_file

from experiments.figures import save_figure
from experiments.job import Job
from experiments.masking.figure import plot_masked_images

with Job(snakemake):
    with safe_open(snakemake.input.examples, framework="np") as file:
        header = file.metadata()
    figure = plot_masked_images(
        load_file(snakemake.input.examples),
        json.loads(header["classes"]),
        json.loads(header["methods"]),
        json.loads(header["fractions"]),
    )
    save_figure(figure, snakemake.output.pdf, snakemake.output.png)
