"""Random attribution."""

from __future__ import annotations

import torch
from torch import Tensor

from xgradient._explained import Baselines, Inputs, Model
from xgradient._targets import TargetLike


def random_attribution(
    model: Model,
    inputs: Inputs,
    target: TargetLike = None,
    *,
    baselines: Baselines = None,
    generator: torch.Generator,
) -> Inputs:
    """Draw every value from U(-0.5, 0.5): the floor of the masking metrics.

    Parameters
    ----------
    model : nn.Module or callable
        Accepted for the common signature and not used.
    inputs : Tensor of shape (N, ...) or tuple of these
        Images or feature vectors; only shape, dtype and device count.
    target : optional
        Accepted for the common signature and not used.
    baselines : optional
        Accepted for the common signature and not used.
    generator : torch.Generator
        Source of the draws.

    Returns
    -------
    Tensor or tuple of Tensor
        Attribution, shaped like the inputs.

    References
    ----------
    Hesse, Schaub-Meyer and Roth (2021), Sec. 4.2.
    """
    if isinstance(inputs, tuple):
        return tuple(_drawn(values, generator) for values in inputs)
    return _drawn(inputs, generator)


def _drawn(inputs: Tensor, generator: torch.Generator) -> Tensor:
    drawn = torch.rand(inputs.shape, generator=generator, device=generator.device)
    return (drawn - 0.5).to(inputs)
