"""Show sentences with the contributions of their words."""

from experiments.data.catalogue import load_dataset
from experiments.intermediates import read_json
from experiments.job import Job
from experiments.text.page import sentences_page
from experiments.writing import write_text

with Job(snakemake):
    files, shown = snakemake.input, {}
    for (dataset, variant), path in zip(snakemake.params.nets, files.examples, strict=True):
        shown.setdefault(dataset, {})[variant] = read_json(path)["sentences"]
    titles = {
        name: load_dataset(path).title
        for name, path in zip(snakemake.params.datasets, files.datasets, strict=True)
    }
    page = sentences_page(shown, titles, snakemake.params.n_steps)
    write_text(snakemake.output[0], page)
