"""Download the files of a data set that the run needs and that are missing; record their sources.

Rule fetch_dataset.
"""

from dataclasses import asdict
from pathlib import Path

from experiments.data.catalogue import load_dataset
from experiments.data.fetch import fetch_dataset
from experiments.job import Job, write_facts

with Job(snakemake) as job:
    dataset = load_dataset(snakemake.input.dataset)
    folder = Path(snakemake.params.data) / dataset.name
    files = fetch_dataset(dataset, folder, only=snakemake.params.digests)
    fetched = [{**asdict(file), "path": str(folder / file.name)} for file in files]
    write_facts(snakemake.output[0], {"dataset": dataset.name, "files": fetched})
