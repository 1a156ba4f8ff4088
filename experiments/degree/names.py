"""The nets of this experiment; without torch, since the workflow reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["NETS", "DegreeNet"]


@dataclass(frozen=True)
class DegreeNet:
    """A net of this experiment.

    Parameters
    ----------
    name : str
        For readers.
    degree : int
        Of homogeneity.
    builder : str
        ``"package.module:function"``, see `experiments.networks.checkpoints.build_network`.
    """

    name: str
    degree: int
    builder: str


NETS: Mapping[str, DegreeNet] = {
    "squared_relu": DegreeNet("squared ReLU", 2, "experiments.degree.nets:squared_relu"),
    "bilinear": DegreeNet("bilinear pooling", 2, "experiments.degree.nets:bilinear"),
    "product": DegreeNet("product of two branches", 2, "experiments.degree.nets:product"),
    "quartic": DegreeNet("two squared ReLUs", 4, "experiments.degree.nets:quartic"),
}
"""By key."""
