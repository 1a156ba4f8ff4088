"""Summarise the scores of all weights, and list the images with the highest scores."""

from experiments.digit_conversion.summary import summarise, top_ten
from experiments.job import Job
from experiments.tables import read_measurements
from experiments.writing import write_csv

with Job(snakemake):
    conversions = read_measurements(snakemake.input.conversions)
    accuracy = read_measurements(snakemake.input.accuracy)
    write_csv(snakemake.output.accuracy, accuracy)
    write_csv(snakemake.output.csv, summarise(conversions, accuracy))
    write_csv(snakemake.output.top10, top_ten(conversions))
