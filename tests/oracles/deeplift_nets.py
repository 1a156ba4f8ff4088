"""Nets with weights that nothing cancels, on which DeepLIFT is tried."""

from __future__ import annotations

import torch
from torch import nn

RULES = ("rescale", "revealcancel", "genomics_default")


def zeros(n: int) -> torch.Tensor:
    return torch.zeros(n, dtype=torch.long)


def randn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def randomized(model: nn.Module, seed: int = 0) -> nn.Module:
    """Normal weights, biases too: nothing may be zero by chance of the initialisation."""
    generator = torch.Generator().manual_seed(seed)
    model.double()
    with torch.no_grad():
        for parameter in model.parameters():
            size = max(1, parameter[0].numel()) if parameter.dim() > 1 else 1
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * size**-0.5)
    return model


def overlapping_net() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=1, padding=1),
        nn.Conv2d(4, 3, 2),
        nn.MaxPool2d(2, stride=1),
        nn.Tanh(),
        nn.AvgPool2d(2, stride=1),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(3 * 2 * 2, 6),
        nn.LeakyReLU(0.1),
        nn.Linear(6, 3),
    )


def chain(*layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(1, 2, 3), *layers, nn.Flatten(), nn.Linear(32, 2))


class Calls(nn.Module):
    """Runs one function between two layers, and one behind them."""

    def __init__(self, function, last=lambda x: x) -> None:
        super().__init__()
        self.last = last
        self.block = nn.Module()
        self.function = function
        self.block.conv = nn.Conv2d(1, 2, 3)
        self.leave = nn.Linear(32, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.leave(self.function(self.block.conv(x)).flatten(1)))
