"""Train a regular net, or an X-DNN from its stripped twin or from scratch (rule train)."""

from importlib.metadata import version

import pandas as pd
from lightning_fabric import Fabric

from experiments.files import load_split, split_facts
from experiments.job import Job
from experiments.networks.checkpoints import load_model, read_header, save_model
from experiments.networks.training import TrainingSettings, train
from xgradient.models import build_model

with Job(snakemake) as job:
    params = snakemake.params
    architecture, variant = snakemake.wildcards.arch, snakemake.wildcards.variant
    training_data = load_split(snakemake.input.train)
    validation_data = load_split(snakemake.input.validation)
    num_classes = len(split_facts(snakemake.input.train)["class_names"])

    if snakemake.input.start:
        model = load_model(snakemake.input.start)
        arguments = read_header(snakemake.input.start)["arguments"]
    else:
        arguments = {
            "num_classes": num_classes,
            "in_channels": training_data.images.shape[1],
            "bias": variant == "regular",
            "geometry": params.geometry,
        }
        if architecture != "fixup_resnet50":  # the only one without dropout
            arguments["dropout"] = params.dropout
        model = build_model(architecture, **arguments)

    fabric = Fabric(
        accelerator="cuda" if job.device.type == "cuda" else "cpu",
        devices=1,
        precision=params.precision,
    )
    fabric.launch()
    result = train(
        model,
        training_data,
        validation_data,
        TrainingSettings.from_mapping(params.settings),
        job.seed,
        fabric,
        checkpoint=params.checkpoint,
        progress=job.label,
    )
    history = pd.DataFrame(result.history)
    history.to_csv(snakemake.output.history, index=False, float_format="%.6g")
    facts = job.facts(
        [snakemake.input.train, snakemake.input.validation],
        best_epoch=result.best_epoch,
        validation_top1=result.history[result.best_epoch]["validation_top1"],
        lightning_fabric=version("lightning-fabric"),
    )
    save_model(model, snakemake.output.model, architecture, arguments, facts)
