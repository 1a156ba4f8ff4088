"""Run the digit conversion and score it, for one set of weights."""

import json

from experiments.attributions import load_attributions
from experiments.digit_conversion.run import convert, example, measure_accuracy
from experiments.files import load_split, save_tensors
from experiments.job import Job
from experiments.networks.checkpoints import load_model, read_header
from experiments.tables import label_rows
from experiments.writing import write_csv

with Job(snakemake) as job:
    files, params, results = snakemake.input, snakemake.params, snakemake.output
    settings, weights = params.settings, snakemake.wildcards.weights
    nets = {name: load_model(files[name]).to(job.device) for name in ("regular", "x")}
    data, methods = load_split(files.test), load_attributions(params.methods)
    accuracy = label_rows(measure_accuracy(nets, data), weights=weights)
    write_csv(results.accuracy, accuracy)
    conversions = convert(
        nets, data, methods, settings, job.device, lambda work: job.progress(work, "batches")
    )
    # Enough digits to tell all float32 apart.
    write_csv(results.table, label_rows(conversions, weights=weights), float_format="%.9g")
    inputs, nets_from = (
        [files.regular, files.x, files.test],
        read_header(files.regular)["provenance"],
    )
    tensors, index = example(nets, data, conversions, methods, settings, job.device)
    header = {
        "task": settings["example"]["task"],
        "classes": settings["example"]["classes"],
        "methods": list(methods),
        "index": index,
    }
    save_tensors(
        results.example,
        tensors,
        job.facts(inputs, nets=nets_from),
        **{name: json.dumps(value) for name, value in header.items()},
    )
    job.write_facts(results.facts, inputs, nets=nets_from)
