"""Fine-tune a net on images of which some have lost a cell."""

from importlib.metadata import version

import pandas as pd

from experiments.data.open_images import open_training_images
from experiments.digests import digest_of
from experiments.job import Job
from experiments.networks.checkpoints import load_model, read_header, save_model
from experiments.networks.parallel_training import train_network
from experiments.networks.resumption import discard_checkpoint
from experiments.networks.settings import TrainingSettings
from experiments.single_deletion.training_images import WithDeletedCells
from experiments.writing import write_csv

with Job(snakemake) as job:
    files, params = snakemake.input, snakemake.params
    header, model = read_header(files.model), load_model(files.model)
    preprocessing, outputs = header["preprocessing"], header["outputs"]
    images = open_training_images(files.train, preprocessing, outputs)
    deleted = {"grid": params.grid, "share": params.share}
    result = train_network(
        model,
        WithDeletedCells(images, **deleted),
        # Of a fixed length: the best epoch on complete images may be the one before it began.
        None,
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
            "builder": header["builder"],
            "arguments": header["arguments"],
            "data": digest_of(files.train),
            "deleted": deleted,
        },
    )
    # Of the processes of several machines, each of which runs this script, one writes.
    if result.rank == 0:
        history = pd.DataFrame(result.history).dropna(axis="columns", how="all")
        write_csv(snakemake.output.history, history, float_format="%.6g")
        facts = job.facts([files.model, files.train], lightning_fabric=version("lightning-fabric"))
        save_model(
            model,
            snakemake.output.model,
            header["builder"],
            header["arguments"],
            facts,
            preprocessing,
            outputs,
        )
        discard_checkpoint(params.checkpoint)
