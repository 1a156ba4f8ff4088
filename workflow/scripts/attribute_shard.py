"""Attribute the test images of one shard with every method (rule attribute_shard)."""

import torch

from experiments.files import load_split, save_tensors
from experiments.job import Job
from experiments.masking.run import attribute_blocks, methods_for, shard_blocks
from experiments.networks.checkpoints import load_model

with Job(snakemake) as job:
    settings, wildcards = snakemake.params.settings, snakemake.wildcards
    model = load_model(snakemake.input.model).to(job.device)
    model = model.to(memory_format=torch.channels_last)  # faster on most processors
    data = load_split(snakemake.input.test, settings["n_images"])
    blocks = shard_blocks(len(data), settings["batch_size"], wildcards.scatteritem)
    attributions = attribute_blocks(
        model,
        data,
        load_split(snakemake.input.train),
        job.progress(blocks, "blocks"),
        methods_for(settings["methods"], wildcards.variant),
        settings["n_steps"],
        job.seed,
        settings["internal_batch_size"],
        getattr(torch, settings["precision"][wildcards.variant]),
    )
    facts = job.facts([snakemake.input.model, snakemake.input.test, snakemake.input.train])
    save_tensors(snakemake.output[0], attributions, facts)
