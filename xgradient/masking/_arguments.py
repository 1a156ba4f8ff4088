"""Checks of arguments that both kinds of masking share."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from xgradient._explained import (
    Explained,
    Model,
    OutputSelector,
    as_tuple,
    check_callable,
    module_of,
)
from xgradient._inputs import (
    check_finite,
    check_images,
    check_logits,
    check_positive_integer,
    check_target_range,
)
from xgradient._targets import TargetLike, chosen_target, class_indices
from xgradient.masking.ranking import channel_mean


def checked_fractions(fractions: Sequence[float] | Tensor | np.ndarray) -> list[float]:
    """Return the fractions as a list, if they increase within [0, 1]."""
    values = [float(fraction) for fraction in fractions]
    increasing = all(low < high for low, high in itertools.pairwise(values))
    if not values or not increasing or not (values[0] >= 0 and values[-1] <= 1):
        raise ValueError(f"fractions must increase within [0, 1], got {values}")
    return values


class Masked:
    """A net that evaluates masked images, and the class of each image.

    Parameters
    ----------
    model : nn.Module or callable
        The net.
    inputs : Tensor of shape (N, C, H, W)
        Images.
    target : optional
        Class of every image.
    additional_forward_args, output : optional
        As in `xgradient.attribution`.
    """

    def __init__(
        self,
        model: Model,
        inputs: Tensor,
        target: TargetLike,
        additional_forward_args: Any,
        output: OutputSelector,
    ) -> None:
        chosen = chosen_target(target, len(inputs), inputs.device)
        arguments = as_tuple(additional_forward_args)
        self.module = module_of(model)
        self.classes = class_indices(chosen, len(inputs)).to(inputs.device)
        self._task = Explained(model, (inputs,), True, chosen, arguments, output)
        self._only = target is None

    def logits(self, masked: Tensor, image: int) -> Tensor:
        """Logits (M, K) of masked forms (M, C, H, W) of an image; checks its class."""
        rows = torch.full((len(masked),), image, device=masked.device)
        logits = self._task.call((masked,), rows)
        if self._only and logits.ndim == 1:
            logits = logits[:, None]
        logits = check_logits(logits, len(masked))
        if self._only and logits.shape[1] != 1:
            raise ValueError(
                f"target must name the class of every image, since the net has {logits.shape[1]} "
                "outputs, got None"
            )
        check_target_range(self.classes, logits.shape[1])
        return logits


def check_arguments(
    model: Model,
    inputs: Tensor,
    target: TargetLike,
    attributions: Tensor,
    batch_size: int,
    additional_forward_args: Any,
    output: OutputSelector,
) -> Masked:
    """Check the arguments that belong together."""
    check_callable(model)
    check_images(inputs)
    masked = Masked(model, inputs, target, additional_forward_args, output)
    averaged = (len(inputs), 1, *inputs.shape[2:])
    if tuple(attributions.shape) not in (tuple(inputs.shape), averaged):
        raise ValueError(
            f"attributions must have the shape {tuple(inputs.shape)} of the inputs or {averaged}, "
            f"got {tuple(attributions.shape)}"
        )
    check_positive_integer("batch_size", batch_size)
    check_attributions(attributions, batch_size)
    return masked


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
