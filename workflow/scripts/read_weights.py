"""Bring weights that somebody else trained into the form of this project's networks."""

from pathlib import Path

from experiments.data.catalogue import read_verified
from experiments.data.preprocessing import Preprocessing
from experiments.job import Job
from experiments.networks.checkpoints import save_model
from experiments.networks.origin import weights_entry
from experiments.networks.released import read_network

with Job(snakemake) as job:
    files, params = snakemake.input, snakemake.params
    source = params.released
    own = dict(files.items()).get("weights")
    if own is not None:
        path = Path(own)
    else:
        entry = weights_entry(source["weights"], source["architecture"])
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
