"""The registry of architectures: a module of this package for each.

A module defines ``ARCHITECTURE``, an `Architecture`. It is found because it is in this
package; nothing else lists it. Classifiers of torchvision need no module: ``torchvision/NAME`` is
the key of each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

from experiments.networks.architectures.entry import Architecture
from experiments.networks.architectures.torchvision import (
    torchvision_architecture,
    torchvision_names,
)
from experiments.registry import discover, look_up

__all__ = [
    "Architecture",
    "architecture",
    "architectures",
    "image_architectures",
    "printed_names",
    "torchvision_names",
]


@cache
def architectures() -> Mapping[str, Architecture]:
    """Return every architecture by its key."""
    return discover(__name__, __path__, "ARCHITECTURE", Architecture)


def architecture(key: str) -> Architecture:
    """Return the architecture of a key.

    Raises
    ------
    ValueError
        If the key is unknown; the message lists the known ones.
    """
    return torchvision_architecture(key) or look_up(architectures(), key, "architecture")


def image_architectures() -> tuple[str, ...]:
    """Return the keys of the architectures that classify images of any data set."""
    return tuple(key for key, entry in architectures().items() if entry.images)


def printed_names(keys: Iterable[str]) -> dict[str, str]:
    """Return the names for readers by key, in the order of first appearance."""
    return {key: architecture(key).name for key in dict.fromkeys(keys)}
