"""Shared by the tests of the attributions."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn


@pytest.fixture
def case() -> tuple[nn.Module, Tensor, Tensor]:
    """A net with biases, three images and their targets."""
    net = nn.Sequential(
        nn.Conv2d(2, 4, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Dropout(),
        nn.Flatten(),
        nn.Linear(64, 5),
    ).double()
    return net, torch.randn(3, 2, 8, 8, dtype=torch.float64), torch.tensor([4, 0, 2])
