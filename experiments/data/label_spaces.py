"""What the logits of a network, or the labels of images, number."""

from __future__ import annotations

from typing import Annotated

from experiments.data.entries import matching

__all__ = ["IMAGENET_CLASSES", "LabelSpace"]

IMAGENET_CLASSES = 1000
LabelSpace = Annotated[
    str, matching(r"[a-z][a-z0-9_]*", "imagenet, or the name of a data set of images")
]
"""The classes behind the logits of a network: ``"imagenet"`` for the 1000 classes of ILSVRC in the
order of their sorted WordNet ids, or the name of a data set for its classes."""
