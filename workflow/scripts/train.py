"""Train a regular net, or an X-DNN from its stripped twin or from scratch."""

from importlib.metadata import version

import pandas as pd

from experiments.data.open_images import open_images, open_training_images, training_space
from experiments.digests import digest_of
from experiments.job import Job
from experiments.networks.checkpoints import build_network, load_model, read_header, save_model
from experiments.networks.folding import without_normalisation
from experiments.networks.parallel_training import train_network
from experiments.networks.resumption import discard_checkpoint
from experiments.networks.settings import TrainingSettings
from experiments.writing import write_csv

with Job(snakemake) as job:
    files, params = snakemake.input, snakemake.params
    preprocessing, classes, outputs = training_space(files.train, params.preprocessing)
    if files.start:
        model = load_model(files.start)
        arguments = read_header(files.start)["arguments"]
    else:
        arguments = {**params.arguments, "num_classes": len(classes)}
        model = build_network(params.builder, arguments)

    result = train_network(
        model,
        open_training_images(files.train, preprocessing, outputs),
        open_images(files.validation, preprocessing, outputs),
        TrainingSettings.from_mapping({**params.settings, "workers": params.workers}),
        job.seed,
        job.device,
        params.precision,
        params.devices,
        params.nodes,
        checkpoint=params.checkpoint,
        checkpoint_minutes=params.checkpoint_minutes,
        progress=job.label,
        identity={
            "builder": params.builder,
            "arguments": arguments,
            "data": [digest_of(path) for path in (files.train, files.validation)],
        },
    )
    # Of the processes of several machines, each of which runs this script, one writes.
    if result.rank == 0:
        history = pd.DataFrame(result.history)
        write_csv(snakemake.output.history, history, float_format="%.6g")
        facts = job.facts(
            [files.train, files.validation],
            best_epoch=result.best_epoch,
            validation_top1=result.history[result.best_epoch]["validation_top1"],
            lightning_fabric=version("lightning-fabric"),
        )
        model, arguments = without_normalisation(model, arguments)
        save_model(
            model, snakemake.output.model, params.builder, arguments, facts, preprocessing, outputs
        )
        discard_checkpoint(params.checkpoint)
