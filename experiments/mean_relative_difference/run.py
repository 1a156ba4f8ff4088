"""MARD of one net, in several precisions."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import torch
from torch import nn

from experiments.data.network_images import NetworkImages
from experiments.measurement import Measurement, Progress, Row
from experiments.shards import blocks_of
from xgradient.attribution import input_x_gradient, integrated_gradients
from xgradient.relative_difference import mean_absolute_relative_difference
from xgradient.rounding import rounded_forward

__all__ = ["MEASUREMENT"]

# Stored bits of a significand: of the products, for the last two.
_MANTISSA_BITS = {"float64": 52, "float32": 23, "tf32": 10, "bfloat16": 7}

# Precision, number of the batch, and its images.
_Task = tuple[str, int, Sequence[int]]


def _tasks(settings: Mapping[str, Any], data: NetworkImages) -> list[_Task]:
    n_images = dict(settings["n_images"])
    if settings["mantissa_images"]:
        n_images |= {_named(n): settings["mantissa_images"] for n in settings["mantissa_bits"]}
    return [
        (precision, number, block)
        for precision, count in n_images.items()
        for number, block in enumerate(blocks_of(data.choose(count), settings["batch_size"]))
    ]


def _named(bits: int) -> str:
    return f"{bits} bits"


def _measure(
    model: nn.Module,
    data: NetworkImages,
    tasks: Sequence[_Task],
    settings: Mapping[str, Any],
    device: torch.device,
    progress: Progress,
) -> Iterator[Row]:
    """Yield the relative difference between IG and Input×Gradient of the true-label logit.

    One row per precision and batch: the measure is a mean over batches of ratios of batch means.
    """
    options = {name: settings[name] for name in ("n_steps", "method", "internal_batch_size")}
    for precision, batches in groupby(tasks, key=lambda task: task[0]):
        dtype = torch.float64 if precision == "float64" else torch.float32
        # A copy: the net of the caller keeps its type.
        net = copy.deepcopy(model).to(device, dtype)
        net = net.to(memory_format=torch.channels_last)  # faster on most processors
        bits = _MANTISSA_BITS.get(precision) or int(precision.partition(" ")[0])
        rounds = precision not in ("float64", "float32")
        with rounded_forward(net, bits) if rounds else contextlib.nullcontext():
            for _, number, block in progress(list(batches), precision):
                inputs, labels = data.__getitems__(block)
                inputs, labels = inputs.to(device, dtype), labels.to(device)
                difference = mean_absolute_relative_difference(
                    integrated_gradients(net, inputs, labels, **options),
                    input_x_gradient(net, inputs, labels),
                )
                yield {
                    "dtype": precision,
                    "mantissa_bits": bits,
                    "batch": number,
                    "n_images": len(block),
                    "relative_difference": difference,
                }


MEASUREMENT = Measurement(
    _tasks, _measure, ("dtype", "mantissa_bits", "batch", "n_images", "relative_difference")
)
