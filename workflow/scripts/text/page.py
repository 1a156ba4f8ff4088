"""Show sentences with the contributions of their words."""

from experiments.intermediates import read_json
from experiments.job import Job
from experiments.text.page import sentences_page
from experiments.writing import write_text

with Job(snakemake):
    params, shown = snakemake.params, {}
    for (dataset, variant), path in zip(params.nets, snakemake.input.examples, strict=True):
        shown.setdefault(dataset, {})[variant] = read_json(path)["sentences"]
    write_text(snakemake.output[0], sentences_page(shown, params.titles, params.n_steps))
