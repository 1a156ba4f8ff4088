"""Train a regular net, or an X-DNN from its stripped twin or from scratch."""

from importlib.metadata import version

import pandas as pd

from experiments.files import load_split, split_facts
from experiments.job import Job, sha256_of
from experiments.networks.checkpoints import build_network, load_model, read_header, save_model
from experiments.networks.parallel_training import train_network
from experiments.networks.resumption import discard_checkpoint
from experiments.networks.settings import TrainingSettings

with Job(snakemake) as job:
    files, params = snakemake.input, snakemake.params
    training_data, validation_data = load_split(files.train), load_split(files.validation)
    if files.start:
        model = load_model(files.start)
        arguments = read_header(files.start)["arguments"]
    else:
        arguments = {
            "num_classes": len(split_facts(files.train)["class_names"]),
            "in_channels": training_data.images.shape[1],
            **params.arguments,
        }
        model = build_network(params.builder, arguments)

    result = train_network(
        model,
        training_data,
        validation_data,
        TrainingSettings.from_mapping(params.settings),
        job.seed,
        job.device,
        params.precision,
        checkpoint=params.checkpoint,
        progress=job.label,
        identity={
            "builder": params.builder,
            "arguments": arguments,
            "data": [sha256_of(path) for path in (files.train, files.validation)],
        },
    )
    history = pd.DataFrame(result.history)
    history.to_csv(snakemake.output.history, index=False, float_format="%.6g")
    facts = job.facts(
        [files.train, files.validation],
        best_epoch=result.best_epoch,
        validation_top1=result.history[result.best_epoch]["validation_top1"],
        lightning_fabric=version("lightning-fabric"),
    )
    save_model(model, snakemake.output.model, params.builder, arguments, facts)
    discard_checkpoint(params.checkpoint)
