"""Simulate sequences with motifs, and split them."""

import torch

from experiments.genomics.simulation import simulate_sequences
from experiments.genomics.storage import read_motifs, save_sequences, split_sequences
from experiments.job import Job

with Job(snakemake) as job:
    settings = snakemake.params.settings
    data = simulate_sequences(
        read_motifs(snakemake.input.motifs),
        settings["n_per_class"],
        settings["length"],
        settings["background"],
        torch.Generator().manual_seed(job.seed),
    )
    sizes = {name: settings[f"{name}_sequences"] for name in ("validation", "test")}
    splits = split_sequences(len(data.names), sizes, job.seed + 1)
    save_sequences(snakemake.output[0], data, splits, job.facts(snakemake.input.motifs))
    counts = ", ".join(f"{name}: {len(chosen)} sequences" for name, chosen in splits.items())
    job.log.info("%s", counts)
