"""Download weights that torchvision releases, and record their source."""

from dataclasses import asdict
from pathlib import Path

from experiments.data.fetch import fetch_dataset
from experiments.job import Job, write_facts
from experiments.networks.torchvision_weights import torchvision_dataset

with Job(snakemake) as job:
    params = snakemake.params
    entry = torchvision_dataset(*params.torchvision)
    folder = Path(params.data) / entry.name
    files = fetch_dataset(entry, folder)
    fetched = [{**asdict(file), "path": str(folder / file.name)} for file in files]
    write_facts(snakemake.output[0], {"dataset": entry.name, "files": fetched})
