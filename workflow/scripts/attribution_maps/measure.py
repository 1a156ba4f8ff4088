"""Attribute the images of one shard at several contrasts, with the regular net and the X-DNN."""

import json

from experiments.attribution_maps.run import attribute
from experiments.attributions import load_attributions
from experiments.data.tensors import first_of_classes
from experiments.files import save_tensors
from experiments.job import Job
from experiments.networks.image_network import load_network
from experiments.shards import shard_of

with Job(snakemake) as job:
    files, params = snakemake.input, snakemake.params
    networks = {variant: load_network(files[variant], job.device) for variant in params.methods}
    data = next(iter(networks.values())).open_images(files.images)
    examples = first_of_classes(data, params.settings["n_images"])
    chosen = shard_of(examples, snakemake.wildcards.scatteritem)
    methods = {variant: load_attributions(calls) for variant, calls in params.methods.items()}
    nets = {variant: network.model for variant, network in networks.items()}
    alphas = params.settings["alphas"]
    save_tensors(
        snakemake.output[0],
        attribute(nets, data, chosen, alphas, methods, job.seed, job.device) if chosen else {},
        job.facts([*map(files.get, nets), files.images], image_indices=chosen),
        classes=json.dumps(data.class_names(chosen)),
        alphas=json.dumps(alphas),
        columns=json.dumps([f"{variant}/{key}" for variant in methods for key in methods[variant]]),
    )
