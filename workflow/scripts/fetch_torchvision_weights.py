"""Download weights that torchvision releases, if they are missing; the log says from where."""

from pathlib import Path

from experiments.data.fetch import fetch_dataset
from experiments.data.source_records import keep_sources
from experiments.job import Job, write_facts
from experiments.networks.torchvision_weights import torchvision_dataset

with Job(snakemake) as job:
    params = snakemake.params
    entry = torchvision_dataset(*params.torchvision)
    folder = Path(params.data) / entry.name
    files = fetch_dataset(entry, folder)
    record = keep_sources(entry.name, folder, files, params.sources)
    write_facts(snakemake.output[0], record)
