"""Measure how far IG with n steps is from IG with many, per quadrature rule.

Rule measure_convergence. The published curve is the absolute difference to 300 steps.
"""

import pandas as pd
import torch

from experiments.files import load_split
from experiments.job import Job, write_facts
from experiments.networks.checkpoints import load_model
from xgradient.attribution import integrated_gradients

with Job(snakemake) as job:
    settings = snakemake.params.settings
    data = load_split(snakemake.input.test, settings["n_images"])
    inputs, labels = data.__getitems__(range(len(data)))
    inputs, labels = inputs.to(job.device), labels.to(job.device)
    model = load_model(snakemake.input.model).to(job.device)
    model = model.to(memory_format=torch.channels_last)  # faster on most processors

    def attribute(method, n_steps):
        """Return IG of the true-label logit."""
        return integrated_gradients(
            model,
            inputs,
            labels,
            n_steps=n_steps,
            method=method,
            internal_batch_size=settings["internal_batch_size"],
        )

    # One reference for all rules: a rule compared with itself would hide its own bias.
    reference = attribute("gausslegendre", settings["reference_steps"])
    cases = [
        (method, n_steps)
        for method in settings["methods"]
        for n_steps in settings["n_steps"]
        # The trapezoid rule needs both end points.
        if not (method == "riemann_trapezoid" and n_steps < 2)
    ]
    rows = []
    for method, n_steps in job.progress(cases, "IG"):
        difference = (attribute(method, n_steps) - reference).abs().mean().item()
        rows.append(
            {
                "dataset": snakemake.params.dataset,
                **snakemake.wildcards,
                "method": method,
                "n_steps": n_steps,
                "mean_abs_difference": difference,
                "relative_difference_percent": 100 * difference / reference.abs().mean().item(),
            }
        )
    pd.DataFrame(rows).to_csv(snakemake.output.table, index=False)
    write_facts(snakemake.output.facts, job.facts([snakemake.input.model, snakemake.input.test]))
