"""Mask a few images by every attribution method, for the figure."""

import json

from experiments.attributed_images import attribute_blocks
from experiments.attributions import load_attributions
from experiments.data.tensors import first_of_classes
from experiments.files import save_tensors
from experiments.job import Job
from experiments.masking.examples import mask_examples
from experiments.networks.image_network import load_network

with Job(snakemake) as job:
    files, params = snakemake.input, snakemake.params
    settings, examples = params.settings, params.settings["examples"]
    network = load_network(files.model, job.device)
    data = network.open_images(files.images)
    chosen = first_of_classes(data, examples["n_images"])
    means = attribute_blocks(
        network.model,
        data,
        network.open_images(files.references),
        [chosen],
        load_attributions(params.methods),
        job.seed,
        job.dtype(settings["precision"]),
    )
    save_tensors(
        snakemake.output[0],
        mask_examples(network.model, data, chosen, means, settings),
        job.facts([files.model, files.images, files.references], image_indices=chosen),
        classes=json.dumps(data.class_names(chosen)),
        fractions=json.dumps(examples["fractions"]),
        methods=json.dumps(list(means)),
    )
