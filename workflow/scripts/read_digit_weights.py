"""Convert the released weights of the digit conversion to PyTorch (rule read_digit_weights)."""

from experiments.digit_conversion.network import load_digit_convnet
from experiments.files import save_tensors, verified_files
from experiments.job import Job
from xgradient.homogeneous import remove_biases

with Job(snakemake) as job:
    released = verified_files(snakemake.input.dataset, snakemake.params.data)
    regular = load_digit_convnet(released["keras2_mnist_cnn_allconv.h5"])
    facts = job.facts(released.values())
    save_tensors(snakemake.output.regular, regular.state_dict(), facts)
    # Not fine-tuned: beside grey values of up to 255 the biases matter so little that the net
    # classifies as well without them, and all of its weights are the authors' own.
    save_tensors(snakemake.output.x, remove_biases(regular).state_dict(), facts)
