"""Draw the scores of the digit conversion, and one image (rule figure_digit_conversion)."""

import json

from safetensors import safe_open
from safetensors.numpy import load_file

from experiments.digit_conversion.figure import plot_digit_conversion, plot_digit_example
from experiments.digit_conversion.summary import read_published
from experiments.figures import save_figure
from experiments.job import Job
from experiments.tables import read_measurements

with Job(snakemake):
    files, results = snakemake.input, snakemake.output
    conversions = read_measurements(files.conversions)
    published = read_published(files.published)
    figure = plot_digit_conversion(conversions[conversions["erasing"] == "published"], published)
    save_figure(figure, results.pdf, results.png)

    with safe_open(files.example, framework="np") as file:
        shown = json.loads(file.metadata()["example"])
    names = ("task", "classes", "methods")
    figure = plot_digit_example(
        load_file(files.example), *(shown[name] for name in names), index=shown["image"]
    )
    save_figure(figure, results.example_pdf, results.example_png)
