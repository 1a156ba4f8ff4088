"""X-Gradient under another normalisation: its baseline is the zero of the one that the net has.

A normalisation that subtracts the image b has b as its zero. What a net F computes of an image x is
then F(x - b): the same weights, another function of the image.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from experiments.baselines.names import BASELINES
from experiments.baselines.run import distances, starts_of
from experiments.baselines.starts import Sources
from experiments.data.network_images import NetworkImages
from experiments.measurement import Progress, Row
from xgradient.attribution import integrated_gradients, x_gradient
from xgradient.relative_difference import mean_absolute_relative_difference

__all__ = ["COLUMNS", "Shifted", "fixed", "measure_normalisations", "normalised_maps"]

COLUMNS = (
    "image",
    "baseline",
    "identity_percent",
    "same_function_percent",
    "relative_percent",
    "cosine",
    "rank_correlation",
    "correct",
)
"""Keys of a row: the index of the image in the test set; the baseline that is the zero; the
relative difference, in percent, between XG and IG from that baseline, of the net with the same
weights; that between IG from the zero, of the net that computes the same function in the other
normalisation, and IG from the baseline in the old one; the distance between XG with this zero and
XG with the old one, as `experiments.baselines.run.distances` measures it; whether the net with the
same weights still finds the class, 0 or 1."""


class Shifted(nn.Module):
    """A net of which the input is moved, F(x - b).

    Parameters
    ----------
    model : nn.Module
        The net F.
    zero : Tensor of shape (1, C, H, W)
        The image b.
    """

    zero: Tensor

    def __init__(self, model: nn.Module, zero: Tensor) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("zero", zero)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the logits (N, K) of images (N, C, H, W)."""
        logits: Tensor = self.model(inputs - self.zero)
        return logits


def fixed(keys: Sequence[str]) -> list[str]:
    """Return those baselines that a normalisation can have as its zero."""
    return [key for key in keys if BASELINES[key].fixed]


def measure_normalisations(
    model: nn.Module,
    data: NetworkImages,
    blocks: Sequence[Sequence[int]],
    sources: Sources,
    settings: Mapping[str, Any],
    progress: Progress,
) -> Iterator[Row]:
    """Yield a row for every image and every baseline that a normalisation can subtract, in float64.

    Parameters
    ----------
    model : nn.Module
        Homogeneous net; it determines the device.
    data : NetworkImages
        The images to explain.
    blocks : sequence of sequence of int
        Indices into ``data``; the images of a block are attributed together.
    sources : Sources
        What baselines are made from.
    settings : mapping
        ``compared``, ``identity_steps`` and ``internal_batch_size``.
    progress : callable
        Shows the progress over an iterable.

    Yields
    ------
    dict
        With the keys of `COLUMNS`.
    """
    device = next(model.parameters()).device
    precise = copy.deepcopy(model).double()
    steps = {
        "n_steps": settings["identity_steps"],
        "internal_batch_size": settings["internal_batch_size"],
    }
    for block in progress(blocks, "normalisations"):
        inputs, labels = (part.to(device) for part in data.__getitems__(block))
        inputs = inputs.double()
        trained = x_gradient(precise, inputs, labels)
        for key in fixed(settings["compared"]):
            zero = starts_of(key, inputs, block, sources)
            moved = inputs - zero
            xg = x_gradient(precise, moved, labels, check=False)
            same_weights = integrated_gradients(
                Shifted(precise, zero), inputs, labels, baselines=zero, **steps
            )
            same_function = integrated_gradients(Shifted(precise, -zero), moved, labels, **steps)
            old = integrated_gradients(precise, inputs, labels, baselines=zero, **steps)
            with torch.no_grad():
                correct = precise(moved).argmax(1) == labels
            for position, index in enumerate(block):
                one = [position]
                yield {
                    "image": index,
                    "baseline": key,
                    "identity_percent": 100
                    * mean_absolute_relative_difference(same_weights[one], xg[one]),
                    "same_function_percent": 100
                    * mean_absolute_relative_difference(old[one], same_function[one]),
                    **distances(trained[one], xg[one]),
                    "correct": int(correct[position]),
                }


def normalised_maps(
    model: nn.Module,
    data: NetworkImages,
    chosen: Sequence[int],
    sources: Sources,
    settings: Mapping[str, Any],
) -> dict[str, Tensor]:
    """X-Gradient of a few images with other zeros, to look at.

    Returns
    -------
    dict of str to Tensor of shape (N, H, W)
        ``x_gradient/KEY`` by baseline, the mean over the channels, on the CPU. Empty without
        images.
    """
    if not chosen:
        return {}
    device = next(model.parameters()).device
    precise = copy.deepcopy(model).double()
    inputs, labels = (part.to(device) for part in data.__getitems__(chosen))
    inputs = inputs.double()
    found = {
        f"x_gradient/{key}": x_gradient(
            precise, inputs - starts_of(key, inputs, chosen, sources), labels
        )
        for key in fixed(settings["compared"])
    }
    return {name: values.mean(1).float().cpu().contiguous() for name, values in found.items()}
