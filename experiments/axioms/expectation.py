"""Expected Gradients over a few references, without draws."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from xgradient.attribution import exact_integrated_gradients

__all__ = ["exact_expected_gradients"]


def exact_expected_gradients(
    model: nn.Module, inputs: Tensor, target: Tensor, *, baselines: Tensor
) -> Tensor:
    """Mean of the exact Integrated Gradients over a few references.

    Parameters
    ----------
    model : nn.Module
        Piecewise linear net with outputs (N, K).
    inputs : Tensor of shape (N, ...)
        Ends of the paths.
    target : Tensor of shape (N,)
        Indices of the outputs to explain.
    baselines : Tensor of shape (N, R, ...)
        The references of every row, each as likely as the others.

    Returns
    -------
    Tensor
        Shaped like the inputs.
    """
    each = [
        exact_integrated_gradients(model, inputs, target, baselines=references)
        for references in baselines.unbind(1)
    ]
    return torch.stack(each).mean(0)
