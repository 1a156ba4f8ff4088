"""Attribute the test images of one shard with every method."""

import torch

from experiments.attributions import load_attributions
from experiments.files import load_split, save_tensors
from experiments.job import Job
from experiments.masking.run import attribute_blocks, shard_blocks
from experiments.networks.checkpoints import load_model

with Job(snakemake) as job:
    files, params = snakemake.input, snakemake.params
    settings, wildcards = params.settings, snakemake.wildcards
    model = load_model(files.model).to(job.device, memory_format=torch.channels_last)
    data = load_split(files.test, settings["n_images"])
    blocks = shard_blocks(len(data), settings["batch_size"], wildcards.scatteritem)
    attributions = attribute_blocks(
        model,
        data,
        load_split(files.train),
        job.progress(blocks, "blocks"),
        load_attributions(params.methods),
        job.seed,
        getattr(torch, settings["precision"][wildcards.variant]),
    )
    facts = job.facts([files.model, files.test, files.train])
    save_tensors(snakemake.output[0], attributions, facts)
