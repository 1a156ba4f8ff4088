"""Score the attributions of the images of one shard, as the net was trained and in-domain."""

import pandas as pd

from experiments.attributions import load_attributions
from experiments.job import Job
from experiments.networks.image_network import load_network
from experiments.shards import blocks_of, shard_of
from experiments.single_deletion.run import COLUMNS, measure
from experiments.tables import label_rows
from experiments.writing import write_csv

with Job(snakemake) as job:
    files, params = snakemake.input, snakemake.params
    settings, wildcards = params.settings, snakemake.wildcards
    networks = {name: load_network(files[name], job.device) for name in ("original", "in_domain")}
    data = networks["original"].open_images(files.images)
    blocks = blocks_of(data.choose(settings["n_images"]), settings["batch_size"])
    rows = measure(
        {name: network.model for name, network in networks.items()},
        data,
        networks["original"].open_images(files.references),
        shard_of(blocks, wildcards.scatteritem),
        load_attributions(params.methods),
        settings,
        job.seed,
        job.dtype(settings["precision"]),
        job.progress,
    )
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    write_csv(snakemake.output.table, label_rows(table, **params.labels))
    job.write_facts(snakemake.output.facts, [files.original, files.in_domain, files.images])
