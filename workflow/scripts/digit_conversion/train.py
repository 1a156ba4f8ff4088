"""Train the network of the digit conversion, and from it the X-DNN."""

from importlib.metadata import version

import pandas as pd

from experiments.digit_conversion.network import scale_input, train_twins
from experiments.files import load_split
from experiments.job import Job
from experiments.networks.checkpoints import build_network, save_model
from experiments.networks.launch import launch_fabric
from experiments.writing import write_csv

with Job(snakemake) as job:
    files, params, results = snakemake.input, snakemake.params, snakemake.output
    nets, history = train_twins(
        build_network(params.builder, {"bias": True}),
        [load_split(path) for path in (files.train, files.validation)],
        params.settings,
        job.seed,
        launch_fabric(job.device),
        job.label,
    )
    write_csv(results.history, pd.DataFrame(history), float_format="%.6g")
    facts = job.facts([files.train, files.validation], lightning_fabric=version("lightning-fabric"))
    for network, model in nets.items():
        scale_input(model, 1 / 255)
        arguments = {"bias": network == "regular"}
        save_model(model, results[network], params.builder, arguments, facts)
