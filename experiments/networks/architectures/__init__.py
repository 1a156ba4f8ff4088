"""The registry of architectures: a module of this package for each.

A module defines ``ARCHITECTURE``, an `Architecture`. It is found because it is in this
package; nothing else lists it.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from experiments.networks.architectures.entry import Architecture

__all__ = [
    "Architecture",
    "architecture",
    "architectures",
    "image_architectures",
    "printed_names",
]


@cache
def architectures() -> Mapping[str, Architecture]:
    """Return every architecture by its key.

    Raises
    ------
    ValueError
        If two entries have one key.
    """
    found: dict[str, Architecture] = {}
    for module in pkgutil.iter_modules(__path__):
        imported = importlib.import_module(f"{__name__}.{module.name}")
        entry = getattr(imported, "ARCHITECTURE", None)
        if entry is None:
            continue
        if entry.key in found:
            raise ValueError(f"two architectures have the key {entry.key!r}")
        found[entry.key] = entry
    return MappingProxyType(found)


def architecture(key: str) -> Architecture:
    """Return the architecture of a key.

    Raises
    ------
    ValueError
        If the key is unknown; the message lists the known ones.
    """
    if key not in architectures():
        raise ValueError(
            f"unknown architecture {key!r}: choose one of {', '.join(architectures())}"
        )
    return architectures()[key]


def image_architectures() -> tuple[str, ...]:
    """Return the keys of the architectures that classify images of any data set."""
    return tuple(key for key, entry in architectures().items() if entry.images)


def printed_names() -> dict[str, str]:
    """Return the names for readers by key."""
    return {key: entry.name for key, entry in architectures().items()}
