"""Random attribution."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def random_attribution(
    model: nn.Module,
    inputs: Tensor,
    target: Tensor | int,
    *,
    baselines: Tensor | float | None = None,
    generator: torch.Generator,
) -> Tensor:
    """Draw every value from U(-0.5, 0.5): the floor of the masking metrics.

    Parameters
    ----------
    model : nn.Module
        Accepted for the common signature and not used.
    inputs : Tensor of shape (N, ...)
        Images or feature vectors; only shape, dtype and device count.
    target : Tensor of shape (N,), integer, or int
        Accepted for the common signature and not used.
    baselines : Tensor or float, optional
        Accepted for the common signature and not used.
    generator : torch.Generator
        Source of the draws.

    Returns
    -------
    Tensor
        Attribution, shaped like the inputs.

    References
    ----------
    Hesse, Schaub-Meyer and Roth (2021), Sec. 4.2.
    """
    drawn = torch.rand(inputs.shape, generator=generator, device=generator.device)
    return (drawn - 0.5).to(inputs)
