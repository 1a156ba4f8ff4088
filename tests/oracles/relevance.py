"""Literal layer-wise relevance propagation for plain sequences of layers."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def literal_lrp(net: nn.Sequential, inputs: Tensor, target: int, epsilon: float) -> Tensor:
    """Relevance of one input, one connection at a time (Bach et al. 2015, Eq. 58).

    Every layer is written as a matrix, whose columns are its answers to the unit vectors.
    """
    values = [inputs]
    with torch.no_grad():
        for layer in net:
            values.append(layer(values[-1][None])[0])
        relevance = torch.zeros_like(values[-1])
        relevance[target] = values[-1][target]
        for layer, before, after in zip(reversed(net), values[-2::-1], values[::-1], strict=False):
            if isinstance(layer, (nn.Linear, nn.Conv2d)):
                relevance = _through_matrix(layer, before, after, relevance, epsilon)
            elif isinstance(layer, nn.MaxPool2d):
                relevance = _to_maxima(layer, before, relevance)
            else:
                assert isinstance(layer, (nn.ReLU, nn.Tanh, nn.Flatten))
                relevance = relevance.reshape(before.shape)
    return relevance


def _through_matrix(
    layer: nn.Module, before: Tensor, after: Tensor, relevance: Tensor, epsilon: float
) -> Tensor:
    at_zero = layer(torch.zeros_like(before)[None])[0]
    shares = torch.zeros(before.numel(), dtype=before.dtype)
    for i in range(before.numel()):
        unit = torch.zeros(before.numel(), dtype=before.dtype)
        unit[i] = 1
        weights = (layer(unit.reshape(before.shape)[None])[0] - at_zero).flatten()
        for j in weights.nonzero().flatten().tolist():
            z = float(after.flatten()[j])
            part = float(before.flatten()[i] * weights[j]) / (z + (epsilon if z >= 0 else -epsilon))
            shares[i] += part * float(relevance.flatten()[j])
    return shares.reshape(before.shape)


def _to_maxima(layer: nn.MaxPool2d, before: Tensor, relevance: Tensor) -> Tensor:
    result, size, stride = torch.zeros_like(before), layer.kernel_size, layer.stride
    for channel, row, column in torch.cartesian_prod(*map(torch.arange, relevance.shape)).tolist():
        top, left = row * stride, column * stride
        window = before[channel, top : top + size, left : left + size]
        place = int(window.argmax())
        down, across = divmod(place, window.shape[1])
        result[channel, top + down, left + across] += relevance[channel, row, column]
    return result
