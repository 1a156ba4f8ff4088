"""Train a regular net, or an X-DNN from its stripped twin or from scratch."""

from importlib.metadata import version

import pandas as pd

from experiments.data.preprocessing import Preprocessing
from experiments.data.open_images import open_images
from experiments.data.stores import StoredImages
from experiments.job import Job
from experiments.networks.checkpoints import build_network, load_model, read_header, save_model
from experiments.networks.settings import TrainingSettings
from experiments.networks.training import launch_fabric, train

with Job(snakemake) as job:
    files, params = snakemake.input, snakemake.params
    facts = StoredImages(files.train).facts
    space = dict(params.preprocessing)
    if space["mean"] is None:
        space |= {"mean": facts["mean"], "std": facts["std"]}
    preprocessing, outputs = Preprocessing.from_mapping(space), facts["label_space"]
    training_data, validation_data = (open_images(p, preprocessing, outputs) for p in (files.train, files.validation))
    if files.start:
        model = load_model(files.start)
        arguments = read_header(files.start)["arguments"]
    else:
        arguments = {
            "num_classes": len(facts["class_names"]),
            "in_channels": preprocessing.channels,
            **params.arguments,
        }
        model = build_network(params.builder, arguments)

    result = train(
        model,
        training_data,
        validation_data,
        TrainingSettings.from_mapping(params.settings),
        job.seed,
        launch_fabric(job.device, params.precision),
        checkpoint=params.checkpoint,
        progress=job.label,
    )
    history = pd.DataFrame(result.history)
    history.to_csv(snakemake.output.history, index=False, float_format="%.6g")
    facts = job.facts(
        [files.train, files.validation],
        best_epoch=result.best_epoch,
        validation_top1=result.history[result.best_epoch]["validation_top1"],
        lightning_fabric=version("lightning-fabric"),
    )
    save_model(model, snakemake.output.model, params.builder, arguments, facts, preprocessing, outputs)
