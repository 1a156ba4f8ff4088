"""Measure the accuracy of one net on images of less and less contrast (rule measure_contrast)."""

import pandas as pd
import torch

from experiments.contrast.run import contrast_accuracy
from experiments.data.tensors import loader
from experiments.files import load_split
from experiments.job import Job, write_facts
from experiments.networks.checkpoints import load_model

with Job(snakemake) as job:
    settings = snakemake.params.settings
    data = load_split(snakemake.input.test, settings["n_images"])
    model = load_model(snakemake.input.model).to(job.device)
    model = model.to(memory_format=torch.channels_last)  # faster on most processors
    batches = job.progress(loader(data, settings["batch_size"]), "contrast")
    accuracies = contrast_accuracy(model, batches, settings["alphas"], job.device)
    rows = [
        {
            "dataset": snakemake.params.dataset,
            **snakemake.wildcards,
            "alpha": alpha,
            "top1": top1,
            "n_images": len(data),
        }
        for alpha, top1 in zip(settings["alphas"], accuracies, strict=True)
    ]
    pd.DataFrame(rows).to_csv(snakemake.output.table, index=False)
    write_facts(snakemake.output.facts, job.facts([snakemake.input.model, snakemake.input.test]))
