"""Measure the top-1 and top-5 accuracy of one net on the test images (rule measure_accuracy)."""

import pandas as pd
import torch

from experiments.data.tensors import loader
from experiments.files import load_split
from experiments.job import Job, write_facts
from experiments.networks.checkpoints import load_model
from experiments.networks.evaluation import evaluate

with Job(snakemake) as job:
    settings = snakemake.params.settings
    data = load_split(snakemake.input.test, settings["n_images"])
    model = load_model(snakemake.input.model).to(job.device)
    model = model.to(memory_format=torch.channels_last)  # faster on most processors
    measured = evaluate(model, loader(data, settings["batch_size"]), job.device)
    row = {
        "dataset": snakemake.params.dataset,
        **snakemake.wildcards,
        "top1": measured["top1"],
        "top5": measured["top5"],
        "n_images": len(data),
    }
    pd.DataFrame([row]).to_csv(snakemake.output.table, index=False)
    write_facts(snakemake.output.facts, job.facts([snakemake.input.model, snakemake.input.test]))
