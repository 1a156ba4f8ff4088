"""Summarise the scores of all weights, and list the images with the highest scores."""

from experiments.digit_conversion.summary import summarise, top_ten
from experiments.job import Job
from experiments.tables import read_measurements

with Job(snakemake):
    conversions = read_measurements(snakemake.input.conversions)
    accuracy = read_measurements(snakemake.input.accuracy)
    accuracy.to_csv(snakemake.output.accuracy, index=False)
    summarise(conversions, accuracy).to_csv(snakemake.output.csv, index=False)
    top_ten(conversions).to_csv(snakemake.output.top10, index=False)
