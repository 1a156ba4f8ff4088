"""Attribute the test images of one shard with every method."""

from experiments.attributed_images import attribute_blocks
from experiments.attributions import load_attributions
from experiments.files import save_tensors
from experiments.job import Job
from experiments.networks.image_network import load_network
from experiments.shards import blocks_of, shard_of

with Job(snakemake) as job:
    files, params = snakemake.input, snakemake.params
    settings = params.settings
    network = load_network(files.model, job.device)
    data = network.open_images(files.images)
    blocks = blocks_of(data.choose(settings["n_images"]), settings["batch_size"])
    attributions = attribute_blocks(
        network.model,
        data,
        network.open_images(files.references),
        job.progress(shard_of(blocks, snakemake.wildcards.scatteritem), "blocks"),
        load_attributions(params.methods),
        job.seed,
        job.dtype(settings["precision"]),
    )
    facts = job.facts([files.model, files.images, files.references])
    save_tensors(snakemake.output[0], attributions, facts)
