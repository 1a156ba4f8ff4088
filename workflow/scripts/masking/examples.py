"""Mask a few images by every attribution method, for the figure."""

import json

import torch

from experiments.attributions import load_attributions
from experiments.data.tensors import first_of_classes
from experiments.files import load_split, save_tensors, split_facts
from experiments.job import Job
from experiments.masking.examples import mask_examples
from experiments.masking.run import attribute_blocks
from experiments.networks.checkpoints import load_model

with Job(snakemake) as job:
    files, params = snakemake.input, snakemake.params
    settings, examples = params.settings, params.settings["examples"]
    data = load_split(files.test)
    chosen = first_of_classes(data, examples["n_images"])
    model = load_model(files.model).to(job.device)
    means = attribute_blocks(
        model,
        data,
        load_split(files.train),
        [chosen],
        load_attributions(params.methods),
        job.seed,
        getattr(torch, settings["precision"][examples["variant"]]),
    )
    names = split_facts(files.test)["class_names"]
    save_tensors(
        snakemake.output[0],
        mask_examples(model, data, chosen, means, settings),
        job.facts([files.model, files.test, files.train], image_indices=chosen),
        classes=json.dumps([names[label] for label in data.labels[chosen].tolist()]),
        fractions=json.dumps(examples["fractions"]),
        methods=json.dumps(list(means)),
    )
