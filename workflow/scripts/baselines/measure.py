"""Attribute the images of one shard from every baseline, and with other normalisations."""

import json

import pandas as pd

from experiments.baselines import normalisation, run
from experiments.baselines.starts import Sources
from experiments.data.tensors import first_of_classes
from experiments.files import save_tensors
from experiments.job import Job
from experiments.networks.image_network import load_network
from experiments.shards import blocks_of, shard_of
from experiments.tables import label_rows
from experiments.writing import write_csv

with Job(snakemake) as job:
    files, params = snakemake.input, snakemake.params
    settings, item = params.settings, snakemake.wildcards.scatteritem
    network = load_network(files.model, job.device)
    model, data = network.model, network.open_images(files.images)
    blocks = shard_of(blocks_of(data.choose(settings["n_images"]), settings["batch_size"]), item)
    sources = Sources(network.open_images(files.references), settings, job.seed)
    dtype = job.dtype(settings["precision"])
    rows, replaced = run.measure(model, data, blocks, sources, settings, dtype, job.progress)
    chosen = shard_of(first_of_classes(data, settings["shown"]), item)
    maps = run.example_maps(model, data, chosen, sources, settings, dtype)
    normalised = []
    # X-Gradient is not defined for nets with biases.
    if params.homogeneous:
        normalised = normalisation.measure_normalisations(
            model, data, blocks, sources, settings, job.progress
        )
        maps |= normalisation.normalised_maps(model, data, chosen, sources, settings)
    for path, found, columns in (
        (snakemake.output.table, rows, run.COLUMNS),
        (snakemake.output.replacement, replaced, run.REPLACED),
        (snakemake.output.normalisation, normalised, normalisation.COLUMNS),
    ):
        table = pd.DataFrame(found, columns=list(columns))
        write_csv(path, label_rows(table, **params.labels))
    inputs = [files.model, files.images, files.references]
    save_tensors(
        snakemake.output.maps,
        maps,
        job.facts(inputs, image_indices=chosen),
        classes=json.dumps(data.class_names(chosen)),
        baselines=json.dumps(settings["compared"]),
    )
    job.write_facts(snakemake.output.facts, inputs)
