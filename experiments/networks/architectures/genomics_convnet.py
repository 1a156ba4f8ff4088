"""The network of the simulated genomics."""

from experiments.networks.architectures.entry import Architecture

ARCHITECTURE = Architecture(
    key="genomics_convnet",
    name="DeepLIFT's genomics network",
    builder="xgradient.models.genomics_convnet:genomics_convnet",
    images=False,
)
