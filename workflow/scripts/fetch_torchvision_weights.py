"""Download weights that torchvision releases, if they are missing; the log says from where."""

from pathlib import Path

from experiments.data.fetch import fetch_dataset
from experiments.data.source_records import source_record
from experiments.job import Job, write_facts
from experiments.networks.torchvision_weights import torchvision_dataset

with Job(snakemake) as job:
    params = snakemake.params
    entry = torchvision_dataset(*params.torchvision)
    folder = Path(params.data) / entry.name
    files = fetch_dataset(entry, folder)
    record = source_record(entry.name, folder, files, earlier=snakemake.params.sources)
    Path(snakemake.params.sources).parent.mkdir(parents=True, exist_ok=True)
    for path in (snakemake.params.sources, snakemake.output[0]):
        write_facts(path, record)
