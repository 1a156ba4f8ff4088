"""Train the network that tells which motifs a sequence has (rule train_genomics)."""

import pandas as pd

from experiments.files import save_tensors
from experiments.genomics.run import load_sequences
from experiments.genomics.training import train_genomics_convnet
from experiments.job import Job
from xgradient.models import genomics_convnet

with Job(snakemake) as job:
    training, validation = (
        load_sequences(snakemake.input.sequences, split) for split in ("train", "validation")
    )
    model = genomics_convnet().to(job.device)
    result = train_genomics_convnet(
        model,
        training.sequences,
        training.labels,
        validation.sequences,
        validation.labels,
        **snakemake.params.settings,
        seed=job.seed,
        progress=job.label,
    )
    history = pd.DataFrame(result.history)
    history.to_csv(snakemake.output.history, index=False, float_format="%.6g")
    facts = job.facts([snakemake.input.sequences], best_epoch=result.best_epoch)
    weights = {name: value.cpu().contiguous() for name, value in model.state_dict().items()}
    save_tensors(snakemake.output.model, weights, facts)
