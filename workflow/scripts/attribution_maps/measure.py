"""Attribute a few images at several contrasts, with the regular net and the X-DNN."""

import json

from experiments.attribution_maps.run import attribute
from experiments.attributions import load_attributions
from experiments.data.tensors import first_of_classes
from experiments.files import load_split, save_tensors, split_facts
from experiments.job import Job
from experiments.networks.checkpoints import load_model

with Job(snakemake) as job:
    files, params = snakemake.input, snakemake.params
    data = load_split(files.test)
    chosen = first_of_classes(data, params.settings["n_images"])
    nets = {variant: load_model(files[variant]).to(job.device) for variant in params.methods}
    methods = {variant: load_attributions(calls) for variant, calls in params.methods.items()}
    alphas = params.settings["alphas"]
    tensors = attribute(nets, data, chosen, alphas, methods, job.device)
    names = split_facts(files.test)["class_names"]
    save_tensors(
        snakemake.output[0],
        tensors,
        job.facts([*map(files.get, nets), files.test], image_indices=chosen),
        classes=json.dumps([names[label] for label in data.labels[chosen].tolist()]),
        alphas=json.dumps(alphas),
        columns=json.dumps([f"{variant}/{key}" for variant in methods for key in methods[variant]]),
    )
