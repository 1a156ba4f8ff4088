"""Follow score and gradient of the images of one shard along the path and on a random walk."""

import json

import pandas as pd

from experiments.data.tensors import first_of_classes
from experiments.files import save_tensors
from experiments.job import Job
from experiments.networks.image_network import load_network
from experiments.saturation.run import COLUMNS, measure
from experiments.shards import shard_of
from experiments.tables import label_rows
from experiments.writing import write_csv

with Job(snakemake) as job:
    files, params = snakemake.input, snakemake.params
    network = load_network(files.model, job.device)
    data = network.open_images(files.images)
    examples = first_of_classes(data, params.settings["n_images"])
    chosen = shard_of(examples, snakemake.wildcards.scatteritem)
    rows, maps = measure(network.model, data, chosen, params.settings, job.seed, job.progress)
    facts = job.facts([files.model, files.images])
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    write_csv(snakemake.output.table, label_rows(table, **params.labels))
    classes = json.dumps(data.class_names(chosen))
    save_tensors(snakemake.output.maps, maps, facts, classes=classes)
    job.write_facts(snakemake.output.facts, [files.model, files.images])
