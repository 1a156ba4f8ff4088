"""Convert the released weights of the digit conversion to PyTorch."""

from experiments.data.fetch_again import fetch_again
from experiments.digit_conversion.network import load_digit_convnet
from experiments.files import verified_files
from experiments.job import Job
from experiments.networks.checkpoints import save_model
from xgradient.homogeneous import remove_biases

with Job(snakemake) as job, fetch_again(snakemake.input.get("fetched")):
    params, results = snakemake.params, snakemake.output
    released = verified_files(snakemake.input.dataset, params.data)
    regular = load_digit_convnet(released["keras2_mnist_cnn_allconv.h5"])
    facts = job.facts(released.values())
    save_model(regular, results.regular, params.builder, {"bias": True}, facts)
    # Not fine-tuned: compared with grey values of up to 255 the biases matter so little that the
    # net classifies as well without them, and all of its weights are the authors' own.
    save_model(remove_biases(regular), results.x, params.builder, {"bias": False}, facts)
