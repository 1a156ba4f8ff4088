"""Draw the scores of the digit conversion as box plots (rule figure_digit_conversion)."""

from workflow.common.digit_scores import read_published
from workflow.common.job import Job
from workflow.common.tables import read_measurements
from xgradient.plotting import plot_digit_conversion, save_figure

with Job(snakemake):
    conversions = read_measurements(snakemake.input.conversions)
    published = read_published(snakemake.input.published)
    figure = plot_digit_conversion(conversions[conversions["erasing"] == "published"], published)
    save_figure(figure, snakemake.output.pdf, snakemake.output.png)
