"""Erase what makes digits of one class no digits of another, and score it (rule convert_digits)."""

import json

import pandas as pd

from experiments.digit_conversion.run import convert, example, load_net, top1
from experiments.files import load_split, load_tensors, save_tensors
from experiments.job import Job, write_facts

with Job(snakemake) as job:
    files, settings = snakemake.input, snakemake.params.settings
    weights = snakemake.wildcards.weights
    nets = {name: load_net(files[name]).to(job.device) for name in ("regular", "x")}
    data = load_split(files.test)
    accuracy = [
        {"weights": weights, "network": name, "top1": top1(net, data), "n_images": len(data)}
        for name, net in nets.items()
    ]
    pd.DataFrame(accuracy).to_csv(snakemake.output.accuracy, index=False)
    conversions = convert(
        nets, data, settings, job.device, lambda work: job.progress(work, "batches")
    )
    # Enough digits to tell all float32 apart.
    shown = conversions.assign(weights=weights)[["weights", *conversions.columns]]
    shown.to_csv(snakemake.output.table, index=False, float_format="%.9g")
    _, made = load_tensors(files.regular)
    facts = job.facts([files.regular, files.x, files.test], nets=made)
    write_facts(snakemake.output.facts, facts)
    tensors, index = example(nets, data, conversions, settings, job.device)
    header = {**settings["example"], "weights": weights, "methods": settings["methods"]}
    save_tensors(
        snakemake.output.example, tensors, facts, example=json.dumps({**header, "image": index})
    )
