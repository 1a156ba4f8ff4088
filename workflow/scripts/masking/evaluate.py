"""Mask the images of one shard by their attributions, and evaluate the net."""

from experiments.files import load_tensors, save_tensors
from experiments.job import Job
from experiments.masking.run import score_blocks
from experiments.networks.image_network import load_network
from experiments.shards import blocks_of, shard_of

with Job(snakemake) as job:
    files, settings = snakemake.input, snakemake.params.settings
    network = load_network(files.model, job.device)
    data = network.open_images(files.images)
    blocks = blocks_of(data.choose(settings["n_images"]), settings["batch_size"])
    attributions, attributed = load_tensors(files.attributions)
    scores = score_blocks(
        network.model,
        data,
        {method: attributions[method] for method in snakemake.params.methods},
        job.progress(shard_of(blocks, snakemake.wildcards.scatteritem), "blocks"),
        settings,
    )
    facts = job.facts([files.model, files.images], attributions=attributed)
    save_tensors(snakemake.output[0], scores, facts)
