"""Measure the mean absolute relative difference between IG and Input×Gradient, per arithmetic.

Rule measure_relative_difference.
"""

import contextlib

import pandas as pd
import torch

from experiments.data.tensors import loader
from experiments.files import load_split
from experiments.job import Job, write_facts
from experiments.networks.checkpoints import load_model
from xgradient.attribution import input_x_gradient, integrated_gradients
from xgradient.relative_difference import relative_difference
from xgradient.rounding import rounded_forward

with Job(snakemake) as job:
    settings = snakemake.params.settings

    def attribution_pairs(arithmetic, n_images):
        """Yield IG and Input×Gradient of the true-label logit, batch by batch."""
        dtype = torch.float64 if arithmetic == "float64" else torch.float32
        model = load_model(snakemake.input.model).to(job.device, dtype)
        model = model.to(memory_format=torch.channels_last)  # faster on most processors
        rounding = (
            rounded_forward(model, arithmetic)
            if arithmetic in ("bfloat16", "tf32")
            else contextlib.nullcontext()
        )
        data = load_split(snakemake.input.test, n_images)
        with rounding:
            for inputs, labels in job.progress(loader(data, settings["batch_size"]), arithmetic):
                inputs, labels = inputs.to(job.device, dtype), labels.to(job.device)
                yield (
                    integrated_gradients(
                        model,
                        inputs,
                        labels,
                        n_steps=settings["n_steps"],
                        method=settings["method"],
                        internal_batch_size=settings["internal_batch_size"],
                    ),
                    input_x_gradient(model, inputs, labels),
                )

    rows = [
        {
            "dataset": snakemake.params.dataset,
            **snakemake.wildcards,
            "dtype": arithmetic,
            "mard_percent": relative_difference(attribution_pairs(arithmetic, n_images)),
            "n_images": n_images,
        }
        for arithmetic, n_images in settings["n_images"].items()
    ]
    pd.DataFrame(rows).to_csv(snakemake.output.table, index=False)
    write_facts(snakemake.output.facts, job.facts([snakemake.input.model, snakemake.input.test]))
