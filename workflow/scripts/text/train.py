"""Train a net on sentences, with biases or without."""

import pandas as pd

from experiments.digests import digest_of
from experiments.job import Job
from experiments.networks.checkpoints import build_network, save_model
from experiments.networks.launch import launch_fabric
from experiments.networks.resumption import discard_checkpoint
from experiments.text.corpus import load_corpus
from experiments.text.training import train_on_sentences
from experiments.writing import write_csv

with Job(snakemake) as job:
    params, sentences = snakemake.params, snakemake.input.sentences
    corpus = load_corpus(sentences)
    arguments = {
        **params.net,
        "dimensions": corpus.splits["train"].vectors.shape[1],
        "num_classes": len(corpus.class_names),
        "bias": snakemake.wildcards.variant != "x",
    }
    model = build_network(params.builder, arguments)
    result = train_on_sentences(
        model,
        corpus,
        params.settings,
        job.seed,
        progress=job.label,
        fabric=launch_fabric(job.device),
        checkpoint=params.checkpoint,
        identity={
            "builder": params.builder,
            "arguments": arguments,
            "data": digest_of(sentences),
        },
    )
    write_csv(snakemake.output.history, pd.DataFrame(result.history), float_format="%.6g")
    facts = job.facts([sentences], best_epoch=result.best_epoch)
    save_model(model, snakemake.output.model, params.builder, arguments, facts)
    discard_checkpoint(params.checkpoint)
