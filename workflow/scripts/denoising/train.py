"""Train a denoiser."""

from importlib.metadata import version

import pandas as pd

from experiments.denoising.noise import Noisy, grey_values
from experiments.denoising.objective import DENOISING
from experiments.digests import digest_of
from experiments.files import load_split
from experiments.job import Job
from experiments.networks.checkpoints import build_network, save_model
from experiments.networks.parallel_training import train_network
from experiments.networks.resumption import discard_checkpoint
from experiments.networks.settings import TrainingSettings
from experiments.writing import write_csv

with Job(snakemake) as job:
    files, params = snakemake.input, snakemake.params
    model = build_network(params.builder, params.arguments)
    settings = {**params.settings, "workers": params.workers}
    # An image is mirrored before its noise is added: its label is the same image.
    mirror = settings.pop("horizontal_flip")
    train, validation = (
        Noisy(grey_values(load_split(path)), params.trained_up_to, job.seed, mirror)
        for path in (files.train, files.validation)
    )
    result = train_network(
        model,
        train,
        validation,
        TrainingSettings(**settings, horizontal_flip=False),
        job.seed,
        job.device,
        checkpoint=params.checkpoint,
        checkpoint_minutes=params.checkpoint_minutes,
        progress=job.label,
        objective=DENOISING,
        identity={
            "builder": params.builder,
            "arguments": params.arguments,
            "data": [digest_of(files.train), digest_of(files.validation)],
            "trained_up_to": params.trained_up_to,
            "mirror": mirror,
        },
    )
    history = pd.DataFrame(result.history)
    write_csv(snakemake.output.history, history, float_format="%.6g")
    facts = job.facts([files.train, files.validation], lightning_fabric=version("lightning-fabric"))
    save_model(model, snakemake.output.model, params.builder, params.arguments, facts)
    discard_checkpoint(params.checkpoint)
