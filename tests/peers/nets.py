"""Small nets in double precision, on which the peers' definitions agree with ours."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


def with_biases() -> nn.Module:
    """A classifier of images (N, 2, 8, 8) with 5 classes."""
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Conv2d(4, 6, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(24, 10),
        nn.ReLU(),
        nn.Linear(10, 5),
    ).double()


def without_biases() -> nn.Module:
    """The same as an X-DNN."""
    net = with_biases()
    for module in net.modules():
        if getattr(module, "bias", None) is not None:
            module.register_parameter("bias", None)
    return net


def images(number: int = 3) -> Tensor:
    return torch.randn(number, 2, 8, 8, dtype=torch.float64)


class TwoInputs(nn.Module):
    """A net of two inputs (N, 3) and (N, 4), and a factor (N, 1)."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(7, 6)
        self.act = nn.ReLU()
        self.last = nn.Linear(6, 4)
        self.double()

    def forward(self, x: Tensor, y: Tensor, factor: Tensor | float = 1.0) -> Tensor:
        return self.last(self.act(self.first(torch.cat([x, y], 1)))) * factor


def features(number: int = 3) -> tuple[Tensor, Tensor]:
    return torch.randn(number, 3).double(), torch.randn(number, 4).double()


def numbers(*values: Any) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def with_weights(layer: Any, weight: Tensor, bias: Tensor | None = None) -> Any:
    layer.double()
    layer.weight.data = weight
    layer.bias.data = (
        torch.zeros_like(layer.bias.data, dtype=weight.dtype) if bias is None else bias
    )
    return layer


ROWS = numbers([1, 2, 3, 4], [-1, -2, -3, -4])
