"""Integrated and Expected Gradients of small ReLU nets, exact up to rounding."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from xgradient.attribution import saliency

__all__ = ["exact_expected_gradients", "exact_integrated_gradients"]


def exact_integrated_gradients(
    model: nn.Sequential,
    inputs: Tensor,
    target: Tensor,
    *,
    baselines: Tensor | float | None = None,
) -> Tensor:
    """Integrated Gradients of a sequence of linear layers and ReLUs, without a quadrature rule.

    On the path the argument of a ReLU is piecewise linear; where it changes its sign, the gradient
    of the net may change, and nowhere else. The path is cut there, layer by layer, and every piece
    counts with the gradient in its middle.

    Parameters
    ----------
    model : nn.Sequential
        ReLUs, and layers that are linear or affine.
    inputs : Tensor of shape (N, ...)
        Ends of the paths.
    target : Tensor of shape (N,)
        Indices of the outputs to explain.
    baselines : Tensor or float, optional
        Starts of the paths: None for zero, or a number or tensor that broadcasts to the inputs.

    Returns
    -------
    Tensor
        Shaped like the inputs.
    """
    start = torch.as_tensor(0.0 if baselines is None else baselines, dtype=inputs.dtype)
    rows = zip(inputs.split(1), start.expand_as(inputs).split(1), target, strict=True)
    return torch.cat([_of_one(model, end, begin, index) for end, begin, index in rows])


def _of_one(model: nn.Sequential, end: Tensor, start: Tensor, index: Tensor) -> Tensor:
    def points(positions: Tensor) -> Tensor:
        return start + positions.view(-1, *(1,) * (end.dim() - 1)) * (end - start)

    cuts = torch.tensor([0.0, 1.0], dtype=end.dtype)
    with torch.no_grad():
        for number, layer in enumerate(model):
            if isinstance(layer, nn.ReLU):
                values = model[:number](points(cuts)).flatten(1)
                cuts = torch.cat([cuts, _crossings(cuts, values)]).unique()
    middles, lengths = (cuts[1:] + cuts[:-1]) / 2, cuts.diff()
    gradients = saliency(model, points(middles), index.expand(len(middles)))
    return (end - start) * torch.einsum("p,p...->...", lengths, gradients)[None]


def _crossings(cuts: Tensor, values: Tensor) -> Tensor:
    """Return where units (P, U), linear between two cuts (P,), are zero."""
    before, after = values[:-1], values[1:]
    piece, unit = ((before < 0) & (after > 0) | (before > 0) & (after < 0)).nonzero(as_tuple=True)
    low, high = before[piece, unit], after[piece, unit]
    return cuts[piece] + (cuts[piece + 1] - cuts[piece]) * low / (low - high)


def exact_expected_gradients(
    model: nn.Sequential, inputs: Tensor, target: Tensor, *, baselines: Tensor
) -> Tensor:
    """Mean of the exact Integrated Gradients over a few references.

    Parameters
    ----------
    model, inputs, target
        See `exact_integrated_gradients`.
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
