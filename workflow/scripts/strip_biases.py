"""Remove the biases of a net, without training it further."""

from experiments.job import Job
from experiments.networks.checkpoints import load_model, read_header, save_model
from xgradient.homogeneous import remove_biases

with Job(snakemake) as job:
    path = snakemake.input.model
    header = read_header(path)
    arguments = {**header["arguments"], "bias": False, **snakemake.params.stripped}
    save_model(
        remove_biases(load_model(path)),
        snakemake.output.model,
        header["builder"],
        arguments,
        job.facts([path]),
        header["preprocessing"],
        header["outputs"],
    )
