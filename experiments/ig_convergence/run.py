"""Difference between IG with n steps and IG with many, by quadrature rule."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from experiments.data.network_images import NetworkImages
from experiments.measurement import Measurement, Progress, Row
from experiments.shards import blocks_of
from xgradient.attribution import integrated_gradients

__all__ = ["MEASUREMENT"]

COLUMNS = ("method", "n_steps", "image", "mean_abs_difference", "mean_abs_reference")


def _tasks(settings: Mapping[str, Any], data: NetworkImages) -> list[Sequence[int]]:
    return blocks_of(data.choose(settings["n_images"]), settings["batch_size"])


def _measure(
    model: nn.Module,
    data: NetworkImages,
    tasks: Sequence[Sequence[int]],
    settings: Mapping[str, Any],
    device: torch.device,
    progress: Progress,
) -> Iterator[Row]:
    """Yield the absolute difference that the paper plots, and the size of the reference."""
    dtype = getattr(torch, settings["precision"])
    net = model if dtype == torch.float32 else copy.deepcopy(model).to(dtype)
    cases = [
        (method, n_steps)
        for method in settings["methods"]
        for n_steps in settings["n_steps"]
        # The trapezoid rule needs both end points.
        if not (method == "riemann_trapezoid" and n_steps < 2)
    ]
    for block in progress(tasks, "IG"):
        inputs, labels = data.__getitems__(block)
        inputs, labels = inputs.to(device, dtype), labels.to(device)

        def attribute(
            method: str, n_steps: int, inputs: Tensor = inputs, labels: Tensor = labels
        ) -> Tensor:
            return integrated_gradients(
                net,
                inputs,
                labels,
                n_steps=n_steps,
                method=method,
                internal_batch_size=settings["internal_batch_size"],
            )

        # One reference for all rules: a rule compared with itself would hide its own bias.
        reference = attribute("gausslegendre", settings["reference_steps"])
        sizes = _image_means(reference)
        for method, n_steps in progress(cases, f"images {block[0]} to {block[-1]}"):
            differences = _image_means(attribute(method, n_steps) - reference)
            for image, difference, size in zip(block, differences, sizes, strict=True):
                values = (method, n_steps, image, difference, size)
                yield dict(zip(COLUMNS, values, strict=True))


def _image_means(values: Tensor) -> list[float]:
    return values.double().abs().flatten(1).mean(1).tolist()


MEASUREMENT = Measurement(_tasks, _measure, COLUMNS)
