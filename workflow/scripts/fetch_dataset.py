"""Download the files of a data set that the run needs and that are missing.

Rules fetch_dataset and fetch_weights.
"""

from pathlib import Path

from experiments.data.catalogue import load_dataset
from experiments.data.fetch import fetch_dataset
from experiments.data.source_records import keep_sources
from experiments.job import Job, write_facts

with Job(snakemake) as job:
    dataset = load_dataset(snakemake.input.dataset)
    folder = Path(snakemake.params.data) / dataset.name
    files = fetch_dataset(dataset, folder, only=snakemake.params.only)
    record = keep_sources(dataset.name, folder, files, snakemake.params.sources)
    write_facts(snakemake.output[0], record)
