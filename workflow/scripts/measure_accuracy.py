"""Measure the top-1 and top-5 accuracy of one net on the test images (rule measure_accuracy)."""

import pandas as pd

from workflow.common.files import load_split, split_facts
from workflow.common.job import Job, write_facts
from xgradient.checkpoints import load_model
from xgradient.data.tensors import loader
from xgradient.training import evaluate

with Job(snakemake) as job:
    settings = snakemake.params.settings
    data = load_split(snakemake.input.test, settings["n_images"])
    num_classes = len(split_facts(snakemake.input.test)["class_names"])
    model = load_model(snakemake.input.model).to(job.device)
    measured = evaluate(model, loader(data, settings["batch_size"]), num_classes, job.device)
    row = {
        "dataset": snakemake.params.dataset,
        **snakemake.wildcards,
        # Divided in float32: the digits beyond are no information.
        "top1": round(measured["top1"], 4),
        "top5": round(measured["top5"], 4),
        "n_images": len(data),
    }
    pd.DataFrame([row]).to_csv(snakemake.output.table, index=False)
    write_facts(snakemake.output.facts, job.facts([snakemake.input.model, snakemake.input.test]))
