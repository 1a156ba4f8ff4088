"""Checks of arguments that both kinds of masking share."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from xgradient._inputs import (
    check_finite,
    check_images,
    check_model,
    check_positive_integer,
    validated_target,
)
from xgradient.masking.ranking import channel_mean


def checked_fractions(fractions: Sequence[float] | Tensor | np.ndarray) -> list[float]:
    """Return the fractions as a list, if they increase within [0, 1]."""
    values = [float(fraction) for fraction in fractions]
    increasing = all(low < high for low, high in itertools.pairwise(values))
    if not values or not increasing or not (values[0] >= 0 and values[-1] <= 1):
        raise ValueError(f"fractions must increase within [0, 1], got {values}")
    return values


def check_arguments(
    model: nn.Module, inputs: Tensor, target: Tensor | int, attributions: Tensor, batch_size: int
) -> Tensor:
    """Check the arguments that belong together; returns the target classes (N,)."""
    check_model(model)
    check_images(inputs)
    target = validated_target(target, inputs)
    averaged = (len(inputs), 1, *inputs.shape[2:])
    if tuple(attributions.shape) not in (tuple(inputs.shape), averaged):
        raise ValueError(
            f"attributions must have the shape {tuple(inputs.shape)} of the inputs or {averaged}, "
            f"got {tuple(attributions.shape)}"
        )
    check_positive_integer("batch_size", batch_size)
    check_attributions(attributions, batch_size)
    return target


def check_attributions(attributions: Tensor, batch_size: int) -> None:
    """Refuse attributions (N, C, H, W) without an order, before the first forward pass."""
    # Batch by batch, and without a second copy of the attributions.
    parts = attributions.split(batch_size)
    finite = [channel_mean(part).isfinite().flatten(1).all(1) for part in parts]
    check_finite(torch.cat(finite), "attributions")


def expanded(replacement: Tensor | None, inputs: Tensor) -> Tensor | None:
    """Give the replacement the shape of the inputs; None if it is computed image by image."""
    if replacement is None:
        return None
    try:
        return replacement.to(inputs).expand_as(inputs)
    except RuntimeError as error:
        raise ValueError(
            f"the replacement of pixels must broadcast to inputs of shape {tuple(inputs.shape)}, "
            f"got {tuple(replacement.shape)}"
        ) from error
