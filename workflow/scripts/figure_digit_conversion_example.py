"""Draw the conversion of one image (rule figure_digit_conversion_example)."""

import json

from safetensors import safe_open
from safetensors.numpy import load_file

from workflow.common.job import Job
from xgradient.plotting import plot_digit_example, save_figure

with Job(snakemake):
    with safe_open(snakemake.input.example, framework="np") as file:
        shown = json.loads(file.metadata()["example"])
    figure = plot_digit_example(
        load_file(snakemake.input.example),
        shown["task"],
        shown["classes"],
        shown["methods"],
        shown["image"],
    )
    save_figure(figure, snakemake.output.pdf, snakemake.output.png)
