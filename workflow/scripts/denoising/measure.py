"""Measure what a denoiser restores, and explain some of its output pixels."""

import pandas as pd

from experiments.denoising.noise import grey_values
from experiments.denoising.run import FILTERS, RESTORED, explain, restore
from experiments.files import load_split, save_tensors
from experiments.job import Job
from experiments.networks.checkpoints import load_model
from experiments.shards import blocks_of
from experiments.writing import write_csv

with Job(snakemake) as job:
    files, params, results = snakemake.input, snakemake.params, snakemake.output
    model = load_model(files.model).to(job.device)
    images = grey_values(load_split(files.test))
    settings, n_images = params.settings, params.n_images or len(images)
    blocks = blocks_of(range(min(n_images, len(images))), params.batch_size)
    restored = restore(model, images, blocks, settings, job.seed, job.progress)
    write_csv(results.restored, pd.DataFrame(restored, columns=list(RESTORED)))
    chosen = range(min(params.n_explained, len(images)))
    filters, drawings = explain(
        model, images, chosen, settings, job.seed, params.homogeneous, job.progress
    )
    write_csv(results.filters, pd.DataFrame(filters, columns=list(FILTERS)))
    save_tensors(results.drawings, drawings, job.facts([files.model, files.test]))
    job.write_facts(results.facts, [files.model, files.test])
