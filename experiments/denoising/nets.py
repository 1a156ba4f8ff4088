"""A small denoiser of convolutions and ReLU."""

from __future__ import annotations

import itertools

from torch import Tensor, nn

__all__ = ["denoiser"]


class WithoutNoise(nn.Module):
    """An image minus the noise that a net finds in it.

    Parameters
    ----------
    noise : nn.Module
        Net whose outputs have the shape of its inputs.
    """

    def __init__(self, noise: nn.Module) -> None:
        super().__init__()
        self.noise = noise

    def forward(self, noisy: Tensor) -> Tensor:
        """Return a tensor of the same shape."""
        restored: Tensor = noisy - self.noise(noisy)
        return restored


def denoiser(bias: bool, layers: int = 6, width: int = 16, channels: int = 1) -> nn.Module:
    """Build a denoiser like DnCNN (Zhang et al. 2017), smaller and without BatchNorm.

    Without biases it is homogeneous of degree 1. Mohan et al. (2020) keep BatchNorm, and remove its
    bias and its mean.

    Parameters
    ----------
    bias : bool
        Whether the convolutions have biases.
    layers : int
        Convolutions of 3 × 3 pixels, with ReLU in between: an output pixel sees the
        2 * layers + 1 rows and columns around it.
    width : int
        Channels between them.
    channels : int
        Of images (N, channels, H, W), and of what is restored.
    """
    sizes = [channels, *[width] * (layers - 1), channels]
    chain: list[nn.Module] = []
    for before, after in itertools.pairwise(sizes):
        chain += [nn.Conv2d(before, after, 3, padding=1, bias=bias), nn.ReLU()]
    return WithoutNoise(nn.Sequential(*chain[:-1]))
