"""Measurements of one net on images: the common form of most experiments.

A measurement yields one row per observation (an image, or a batch) and can therefore be split into
shards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from experiments.data.network_images import NetworkImages

__all__ = ["Measurement", "Progress", "Row"]

Row = dict[str, Any]
Progress = Callable[[Iterable[Any], str], Iterable[Any]]


@dataclass(frozen=True)
class Measurement:
    """How an experiment measures one net.

    Parameters
    ----------
    tasks : callable
        Takes the experiment's settings and the images; returns the units of work in their order.
    measure : callable
        Takes the net, the images, some of the tasks, the settings, the device and a function that
        shows the progress over an iterable; yields rows, in the order of the tasks.
    columns : tuple of str
        Keys of a row.
    """

    tasks: Callable[[Mapping[str, Any], NetworkImages], Sequence[Any]]
    measure: Callable[
        [nn.Module, NetworkImages, Sequence[Any], Mapping[str, Any], torch.device, Progress],
        Iterator[Row],
    ]
    columns: tuple[str, ...]
