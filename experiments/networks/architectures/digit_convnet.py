"""The network of the digit conversion."""

from experiments.networks.architectures.entry import Architecture

ARCHITECTURE = Architecture(
    key="digit_convnet",
    name="DeepLIFT's MNIST network",
    builder="xgradient.models.digit_convnet:digit_convnet",
    images=False,
)
