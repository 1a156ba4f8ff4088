"""Train the network that detects the motifs of a sequence."""

import pandas as pd

from experiments.digests import digest_of
from experiments.genomics.storage import load_sequences
from experiments.genomics.training import train_genomics_convnet
from experiments.job import Job
from experiments.networks.checkpoints import build_network, save_model
from experiments.networks.launch import launch_fabric
from experiments.networks.resumption import discard_checkpoint
from experiments.writing import write_csv

with Job(snakemake) as job:
    params = snakemake.params
    training, validation = (
        load_sequences(snakemake.input.sequences, split) for split in ("train", "validation")
    )
    model = build_network(params.builder, {})
    result = train_genomics_convnet(
        model,
        training.sequences,
        training.labels,
        validation.sequences,
        validation.labels,
        **params.settings,
        seed=job.seed,
        progress=job.label,
        fabric=launch_fabric(job.device),
        checkpoint=params.checkpoint,
        identity={"builder": params.builder, "data": digest_of(snakemake.input.sequences)},
    )
    history = pd.DataFrame(result.history)
    write_csv(snakemake.output.history, history, float_format="%.6g")
    facts = job.facts([snakemake.input.sequences], best_epoch=result.best_epoch)
    save_model(model, snakemake.output.model, params.builder, {}, facts)
    discard_checkpoint(params.checkpoint)
