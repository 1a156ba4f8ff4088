"""AlexNet."""

from experiments.networks.architectures.entry import Architecture

ARCHITECTURE = Architecture(
    key="alexnet",
    name="AlexNet",
    builder="xgradient.models.alexnet:AlexNet",
    options=("geometry", "dropout"),
    smallest={"imagenet": 63, "small": 15},
)
