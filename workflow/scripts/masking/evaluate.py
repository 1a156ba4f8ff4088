"""Mask the images of one shard by their attributions, and evaluate the net."""

import torch

from experiments.files import load_split, load_tensors, save_tensors
from experiments.job import Job
from experiments.masking.run import shard_blocks
from experiments.masking.scores import score_blocks
from experiments.networks.checkpoints import load_model

with Job(snakemake) as job:
    files, settings = snakemake.input, snakemake.params.settings
    model = load_model(files.model).to(job.device, memory_format=torch.channels_last)
    data = load_split(files.test, settings["n_images"])
    blocks = shard_blocks(len(data), settings["batch_size"], snakemake.wildcards.scatteritem)
    attributions, attributed = load_tensors(files.attributions)
    scores = score_blocks(
        model,
        data,
        {method: attributions[method] for method in snakemake.params.methods},
        job.progress(blocks, "blocks"),
        settings,
    )
    facts = job.facts([files.model, files.test], attributions=attributed)
    save_tensors(snakemake.output[0], scores, facts)
