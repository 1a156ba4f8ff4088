"""Measure the accuracy of a net on sentences, and attribute some of them to their words."""

import json

import pandas as pd

from experiments.job import Job
from experiments.networks.checkpoints import load_model
from experiments.shards import blocks_of
from experiments.text import run
from experiments.text.corpus import load_corpus
from experiments.writing import write_csv, write_text

with Job(snakemake) as job:
    files, results, params = snakemake.input, snakemake.output, snakemake.params
    model, corpus = load_model(files.model).to(job.device), load_corpus(files.sentences)
    test, steps = corpus.splits["test"], params.n_steps
    chosen = run.attributed_sentences(corpus, params.n_sentences, job.seed)
    blocks = blocks_of(chosen, params.batch_size)
    exactly = chosen[: params.exact_sentences]
    for path, columns, rows in (
        (results.predictions, run.PREDICTED, run.predict(model, corpus)),
        (results.table, run.COLUMNS, run.measure(model, test, blocks, steps, job.progress)),
        (results.exact, run.EXACT, run.measure_exactly(model, test, exactly, steps, job.progress)),
    ):
        write_csv(path, pd.DataFrame(rows, columns=list(columns)))
    shown = run.examples(model, corpus, params.examples, steps)
    write_text(results.examples, json.dumps({"sentences": shown}, ensure_ascii=False) + "\n")
    job.write_facts(results.facts, [files.model, files.sentences])
