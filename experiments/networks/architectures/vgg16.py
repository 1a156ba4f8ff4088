"""VGG16."""

from experiments.networks.architectures.entry import Architecture

ARCHITECTURE = Architecture(
    key="vgg16",
    name="VGG16",
    builder="xgradient.models.vgg:VGG16",
    options=("geometry", "dropout"),
    smallest={"imagenet": 32, "small": 1},
)
