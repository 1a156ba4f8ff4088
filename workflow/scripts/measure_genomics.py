"""AUROC of one net, and what every attribution made of the motifs (rule measure_genomics)."""

import pandas as pd
import torch

from experiments.files import load_tensors, save_tensors
from experiments.genomics.network import TASKS, position_importance
from experiments.genomics.run import load_sequences, measure_hits, read_motifs
from experiments.genomics.training import task_auroc
from experiments.job import Job, write_facts
from xgradient.models import genomics_convnet

with Job(snakemake) as job:
    settings, weights = snakemake.params.settings, snakemake.wildcards.weights
    tensors, made = load_tensors(snakemake.input.model)
    model = genomics_convnet()
    model.load_state_dict(tensors)
    model = model.to(job.device).eval()
    test = load_sequences(snakemake.input.sequences, "test")
    auroc = pd.DataFrame(
        {
            "weights": weights,
            "task": TASKS,
            "auroc": task_auroc(model, test.sequences, test.labels).tolist(),
            "n_sequences": len(test.names),
        }
    )
    auroc.to_csv(snakemake.output.auroc, index=False)

    target = TASKS.index("both")
    both = test.subset(test.labels[:, target].nonzero().flatten().tolist())
    importance = {
        method: position_importance(
            model,
            both.sequences,
            method,
            target,
            settings["background"],
            torch.Generator().manual_seed(job.seed),
        )
        for method in job.progress(settings["methods"], "methods")
    }
    hits, summary = measure_hits(
        both,
        importance,
        read_motifs(snakemake.input.motifs),
        settings["n_hits"],
        settings["strong"],
        settings["background"],
    )
    summary["n_sequences"] = len(both.names)
    for path, frame in ((snakemake.output.hits, hits), (snakemake.output.table, summary)):
        frame.insert(0, "weights", weights)
        frame.to_csv(path, index=False)
    facts = job.facts([snakemake.input.model, snakemake.input.sequences], model=made)
    save_tensors(snakemake.output.importance, importance, facts)
    write_facts(snakemake.output.facts, facts)
