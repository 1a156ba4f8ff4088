"""Integrated Gradients of a sequence of linear layers and ReLUs, cut layer by layer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from xgradient.attribution import saliency


def literal_path_integral(
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
