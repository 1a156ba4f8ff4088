"""Draw the scores of the digit conversion, and one image."""

from experiments.digit_conversion.figure import plot_digit_conversion, plot_digit_example
from experiments.figures import load_drawing, save_figure
from experiments.job import Job
from experiments.published import read_published
from experiments.tables import read_measurements

with Job(snakemake):
    files, results = snakemake.input, snakemake.output
    conversions = read_measurements(files.conversions)
    figure = plot_digit_conversion(
        conversions[conversions["erasing"] == "published"], read_published(files.published)
    )
    save_figure(figure, results.pdf, results.png)
    tensors, header = load_drawing(files.example, "task", "classes", "methods", "index")
    figure = plot_digit_example(tensors, **header)
    save_figure(figure, results.example_pdf, results.example_png)
