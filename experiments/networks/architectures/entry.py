"""An entry of the registry of architectures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Architecture"]


@dataclass(frozen=True)
class Architecture:
    """An architecture, with its name and what its builder takes.

    The builder is named by its path and not imported, so that a printed name can change without
    making any training out of date, and the workflow can be read without torch.

    Parameters
    ----------
    key : str
        Its name in the configuration, in paths and in the tables of this project.
    name : str
        Its name for readers, and in the published tables.
    builder : str
        ``"package.module:function"``; returns a `torch.nn.Module` that maps inputs (N, ...) to
        logits (N, K). One that has an X-DNN takes ``bias``, which is false for it.
    images : bool, optional
        Whether it classifies images of any data set: its builder then takes ``num_classes`` and
        ``in_channels`` as well. Others belong to one experiment.
    arguments : mapping, optional
        Further arguments of the builder that are always the same.
    options : tuple of str, optional
        Further arguments of the builder that an entry of the section ``networks`` of the
        configuration gives: ``"geometry"``, ``"dropout"``.
    smallest : mapping of str to int, optional
        Side of the smallest images that it takes, pixels, by geometry.
    convolutional : bool, optional
        Whether it has a convolution layer, which some methods of attribution need.
    stripped : mapping, optional
        Arguments that differ when the biases of a trained net are removed.
    """

    key: str
    name: str
    builder: str
    images: bool = True
    arguments: Mapping[str, Any] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    smallest: Mapping[str, int] = field(default_factory=dict)
    convolutional: bool = True
    stripped: Mapping[str, Any] = field(default_factory=dict)
