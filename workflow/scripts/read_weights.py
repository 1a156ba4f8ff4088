"""Bring weights that somebody else trained into the form of this project's networks."""

from pathlib import Path

from experiments.data.catalogue import load_dataset, read_verified
from experiments.data.fetch_again import fetch_again
from experiments.data.preprocessing import Preprocessing
from experiments.job import Job
from experiments.networks.checkpoints import save_model
from experiments.networks.released import read_network
from experiments.networks.torchvision_weights import torchvision_dataset

with Job(snakemake) as job, fetch_again(snakemake.input.get("fetched")):
    files, params = snakemake.input, snakemake.params
    source = params.released
    given = dict(files.items())
    if "weights" in given:
        path = Path(given["weights"])
    else:
        if "dataset" in given:
            entry = load_dataset(given["dataset"])
        else:
            entry = torchvision_dataset(*source["torchvision"])
        path = Path(params.data) / entry.name / source["file"]
        read_verified(path, entry.file(source["file"]))
    model, arguments = read_network(
        path,
        source["format"],
        params.builder,
        {**params.arguments, "num_classes": source["num_classes"]},
        source["keep"],
    )
    save_model(
        model,
        snakemake.output.model,
        params.builder,
        arguments,
        job.facts([path]),
        Preprocessing.from_mapping(params.preprocessing),
        source["outputs"],
    )
