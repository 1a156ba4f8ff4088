"""Download the files of a data set that the run needs and that are missing.

Rules fetch_dataset and fetch_weights.
"""

from pathlib import Path

from experiments.data.catalogue import load_dataset
from experiments.data.fetch import fetch_dataset
from experiments.data.source_records import source_record
from experiments.job import Job, write_facts

with Job(snakemake) as job:
    dataset = load_dataset(snakemake.input.dataset)
    folder = Path(snakemake.params.data) / dataset.name
    files = fetch_dataset(dataset, folder, only=snakemake.params.only)
    record = source_record(dataset.name, folder, files, earlier=snakemake.params.sources)
    Path(snakemake.params.sources).parent.mkdir(parents=True, exist_ok=True)
    for path in (snakemake.params.sources, snakemake.output[0]):
        write_facts(path, record)
