"""Classifiers of torchvision: any of them is an architecture, named ``torchvision/NAME``."""

from __future__ import annotations

import importlib.util
import re
from functools import cache
from pathlib import Path

from experiments.networks.architectures.entry import Architecture

__all__ = ["torchvision_architecture", "torchvision_names"]

PREFIX = "torchvision/"
# Names for readers where the name of the function is not one.
_PRINTED = {
    "alexnet": "AlexNet",
    "vgg16": "VGG16",
    "squeezenet1_0": "SqueezeNet 1.0",
    "squeezenet1_1": "SqueezeNet 1.1",
    "resnet18": "ResNet-18",
    "resnet50": "ResNet-50",
}
_REGISTERED = re.compile(r"^@register_model\(\)\n(?:@.*\n)*def (\w+)\(", re.MULTILINE)
# MLP is torchvision's name for layers with dropout between them.
_DROPOUT = re.compile(r"\b(?:Dropout|MLP)\(")


@cache
def _classifiers() -> dict[str, bool]:
    """Return the names of torchvision's classifiers, read from its source, and which have dropout.

    Importing torchvision takes longer than planning a whole run.
    """
    found = importlib.util.find_spec("torchvision")
    if found is None or not found.submodule_search_locations:
        return {}
    folder = Path(found.submodule_search_locations[0]) / "models"
    return {
        name: _DROPOUT.search(text) is not None
        for text in (path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.py")))
        for name in _REGISTERED.findall(text)
    }


@cache
def torchvision_names() -> tuple[str, ...]:
    """Return the names of torchvision's classifiers."""
    return tuple(sorted(_classifiers()))


def torchvision_architecture(key: str) -> Architecture | None:
    """Return the architecture of a key such as ``torchvision/squeezenet1_1``, if it is one."""
    name = key.removeprefix(PREFIX)
    if name == key or name not in torchvision_names():
        return None
    return Architecture(
        key=key,
        name=_PRINTED.get(name, name),
        builder="experiments.networks.torchvision_nets:torchvision_net",
        arguments={"name": name},
        # A setting that a net has no use for must not make its training out of date.
        options=("dropout",) if _classifiers()[name] else (),
    )
