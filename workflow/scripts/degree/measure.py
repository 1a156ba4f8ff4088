"""Measure IG and its closed form for one net of higher degree."""

import pandas as pd

from experiments.degree.run import COLUMNS, example_maps, measure
from experiments.files import load_split, save_tensors
from experiments.job import Job
from experiments.networks.checkpoints import load_model
from experiments.shards import blocks_of
from experiments.writing import write_csv

with Job(snakemake) as job:
    files, params = snakemake.input, snakemake.params
    model, data = load_model(files.model).to(job.device), load_split(files.test)
    n_images = min(params.n_images or len(data), len(data))
    blocks = blocks_of(range(n_images), params.batch_size)
    rows = measure(model, params.degree, data, blocks, params.n_steps, job.progress)
    write_csv(snakemake.output.table, pd.DataFrame(rows, columns=list(COLUMNS)))
    maps = example_maps(model, params.degree, data, 0, params.n_steps)
    facts = job.facts([files.model, files.test])
    save_tensors(snakemake.output.maps, maps, facts)
    job.write_facts(snakemake.output.facts, [files.model, files.test])
