"""Mask the images of one shard by their attributions, and ask the net (rule evaluate_masking)."""

import torch

from experiments.files import load_split, load_tensors, save_tensors
from experiments.job import Job
from experiments.masking.run import methods_for, score_blocks, shard_blocks
from experiments.networks.checkpoints import load_model

with Job(snakemake) as job:
    settings, wildcards = snakemake.params.settings, snakemake.wildcards
    model = load_model(snakemake.input.model).to(job.device)
    model = model.to(memory_format=torch.channels_last)  # faster on most processors
    data = load_split(snakemake.input.test, settings["n_images"])
    blocks = shard_blocks(len(data), settings["batch_size"], wildcards.scatteritem)
    attributions, attributed = load_tensors(snakemake.input.attributions)
    methods = methods_for(settings["methods"], wildcards.variant)
    scores = score_blocks(
        model,
        data,
        {method: attributions[method] for method in methods},
        job.progress(blocks, "blocks"),
        settings,
    )
    facts = job.facts([snakemake.input.model, snakemake.input.test], attributions=attributed)
    save_tensors(snakemake.output[0], scores, facts)
