"""ResNet-50 in its Fixup form."""

from experiments.networks.architectures.entry import Architecture

ARCHITECTURE = Architecture(
    key="fixup_resnet50",
    name="ResNet-50 (Fixup)",
    builder="xgradient.models.fixup_resnet:FixupResNet50",
    options=("geometry",),
    # The published X-ResNet-50 drops the scalar multipliers too. They are homogeneous, and a net
    # that learned with them needs them, so only the biases are removed.
    stripped={"scale": True},
)
