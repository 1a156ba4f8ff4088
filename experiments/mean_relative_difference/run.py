"""MARD of one net, in several precisions."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from experiments.data.tensors import ImageTensors, loader
from xgradient.attribution import input_x_gradient, integrated_gradients
from xgradient.relative_difference import relative_difference
from xgradient.rounding import rounded_forward

__all__ = ["measure"]

_Batch = tuple[Tensor, Tensor]


def measure(
    model: nn.Module,
    data: ImageTensors,
    settings: Mapping[str, Any],
    device: torch.device | str = "cpu",
    progress: Callable[[Iterable[_Batch], str], Iterable[_Batch]] = lambda items, _: items,
) -> pd.DataFrame:
    """Measure the mean absolute relative difference between IG and Input×Gradient.

    Parameters
    ----------
    model : torch.nn.Module
        Maps images (N, C, H, W) to logits (N, K); left as it is.
    data : ImageTensors
        At least as many images as the largest number of ``n_images``.
    settings : mapping
        ``n_steps``, ``method``, ``batch_size``, ``internal_batch_size`` and ``n_images`` of the
        configuration: the last is the number of images by precision, one of ``float32``,
        ``float64``, ``bfloat16`` and ``tf32``, of which the last two round the operands of every
        product.
    device : torch.device or str
        Where to compute.
    progress : callable
        Wraps the batches of a precision.

    Returns
    -------
    pandas.DataFrame
        One row per precision: ``dtype``, ``mard_percent``, ``n_images``.
    """
    options = {name: settings[name] for name in ("n_steps", "method", "internal_batch_size")}

    def pairs(arithmetic: str, images: ImageTensors) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield IG and Input×Gradient of the true-label logit, batch by batch."""
        dtype = torch.float64 if arithmetic == "float64" else torch.float32
        # A copy: the net of the caller keeps its type.
        net = copy.deepcopy(model).to(device, dtype)
        net = net.to(memory_format=torch.channels_last)  # faster on most processors
        rounds = arithmetic in ("bfloat16", "tf32")
        with rounded_forward(net, arithmetic) if rounds else contextlib.nullcontext():
            for inputs, labels in progress(loader(images, settings["batch_size"]), arithmetic):
                inputs, labels = inputs.to(device, dtype), labels.to(device)
                yield (
                    integrated_gradients(net, inputs, labels, **options),
                    input_x_gradient(net, inputs, labels),
                )

    return pd.DataFrame(
        [
            {
                "dtype": arithmetic,
                "mard_percent": relative_difference(pairs(arithmetic, data.head(n_images))),
                "n_images": n_images,
            }
            for arithmetic, n_images in settings["n_images"].items()
        ]
    )
