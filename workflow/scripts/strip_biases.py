"""Remove the biases of a trained net, without training it further (rule strip_biases)."""

from experiments.job import Job
from experiments.networks.checkpoints import load_model, read_header, save_model
from xgradient.homogeneous import remove_biases

with Job(snakemake) as job:
    header = read_header(snakemake.input.model)
    arguments = {**header["arguments"], "bias": False}
    if header["architecture"] == "fixup_resnet50":
        # The published X-ResNet-50 drops the scalar multipliers too; they are homogeneous, and a
        # net that learned with them needs them, so only the biases go.
        arguments["scale"] = True
    model = remove_biases(load_model(snakemake.input.model))
    save_model(
        model,
        snakemake.output.model,
        header["architecture"],
        arguments,
        job.facts([snakemake.input.model]),
    )
