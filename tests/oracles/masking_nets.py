"""Nets and images on which the masking metrics are tried."""

from __future__ import annotations

import torch
from torch import nn


class PixelCode(nn.Module):
    """Write the set of pixels that are one into a logit, exactly: pixel ``i`` counts ``2 ** i``.

    With inputs of ones and a replacement of zeros the target logit spells out which pixels a mask
    kept, through the whole evaluation (at most 52 pixels in float64).
    """

    def __init__(self, n_pixels: int) -> None:
        super().__init__()
        self.register_buffer("code", 2.0 ** torch.arange(n_pixels, dtype=torch.float64))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        code = inputs[:, 0].flatten(1) @ self.code
        return torch.stack([code, torch.full_like(code, 2.0**12)], dim=1)


class Recorder(nn.Module):
    """Pass inputs on and remember the batches and the state in which they came."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.batch_sizes: list[int] = []
        self.modes: set[tuple[bool, bool]] = set()

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        self.batch_sizes.append(len(inputs))
        self.modes.add((self.training, torch.is_grad_enabled()))
        return self.model(inputs)


def small_net(dtype: torch.dtype = torch.float32, seed: int = 0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Dropout(0.5),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Linear(32, 5),
        )
    return net.to(dtype)


def images(n: int, side: int = 12, dtype: torch.dtype = torch.float32, seed: int = 1):
    """Random inputs, targets and attributions."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(n, 3, side, side, generator=generator, dtype=dtype)
    target = torch.randint(5, (n,), generator=generator)
    attributions = torch.randn(n, 3, side, side, generator=generator, dtype=dtype)
    return inputs, target, attributions
