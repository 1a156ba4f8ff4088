"""Train a net of higher degree."""

from importlib.metadata import version

import pandas as pd

from experiments.files import load_split
from experiments.job import Job
from experiments.networks.checkpoints import build_network, save_model
from experiments.networks.parallel_training import train_network
from experiments.networks.settings import TrainingSettings
from experiments.writing import write_csv

with Job(snakemake) as job:
    files, params = snakemake.input, snakemake.params
    model = build_network(params.builder, {})
    train, validation = (load_split(path) for path in (files.train, files.validation))
    settings = TrainingSettings.from_mapping({**params.settings, "workers": params.workers})
    result = train_network(
        model, train, validation, settings, job.seed, job.device, progress=job.label
    )
    history = pd.DataFrame(result.history)
    write_csv(snakemake.output.history, history, float_format="%.6g")
    facts = job.facts([files.train, files.validation], lightning_fabric=version("lightning-fabric"))
    save_model(model, snakemake.output.model, params.builder, {}, facts)
