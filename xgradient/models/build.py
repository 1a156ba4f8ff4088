"""The paper's architectures by name."""

from __future__ import annotations

from torch import nn

from xgradient.models.alexnet import AlexNet
from xgradient.models.fixup_resnet import FixupResNet50
from xgradient.models.vgg import VGG16

ARCHITECTURES: dict[str, type[nn.Module]] = {
    "alexnet": AlexNet,
    "vgg16": VGG16,
    "fixup_resnet50": FixupResNet50,
}
"""Builders by the name that configurations, paths and tables use."""


def build_model(architecture: str, **arguments: object) -> nn.Module:
    """Build an architecture by name.

    Parameters
    ----------
    architecture : str
        A key of `ARCHITECTURES`.
    **arguments
        Passed to the builder: ``num_classes``, ``in_channels``, ``bias``, ``geometry`` and what
        the architecture has besides (``dropout``, ``scale``).

    Raises
    ------
    ValueError
        If the architecture is unknown.
    """
    if architecture not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise ValueError(f"architecture must be one of {known}, got {architecture!r}")
    return ARCHITECTURES[architecture](**arguments)
