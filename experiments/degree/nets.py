"""Small nets of degree 2 and 4 for images of 28 pixels.

A squared ReLU doubles the degree of what is below it, a product adds the degrees of its factors,
and linear layers without bias, ReLU and pooling keep it.
"""

from __future__ import annotations

from torch import Tensor, nn

from xgradient.models.pooling import MaxPool2d

__all__ = ["bilinear", "product", "quartic", "squared_relu"]

_WIDTH = 16


class SquaredReLU(nn.Module):
    """The square of the ReLU."""

    def forward(self, values: Tensor) -> Tensor:
        """Return a tensor of the same shape."""
        return values.relu().square()


class BilinearPooling(nn.Module):
    """Products of all pairs of channels, averaged over the pixels."""

    def forward(self, values: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C * C)."""
        flat = values.flatten(2)
        return (flat @ flat.transpose(1, 2)).flatten(1) / flat.shape[2]


class Product(nn.Module):
    """The elementwise product of two nets.

    Parameters
    ----------
    first, second : nn.Module
        Nets with outputs of the same shape.
    """

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(self, values: Tensor) -> Tensor:
        """Multiply the outputs of both nets."""
        product: Tensor = self.first(values) * self.second(values)
        return product


def _convolution(in_channels: int, out_channels: int) -> nn.Module:
    return nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)


def _features(in_channels: int) -> list[nn.Module]:
    """Layers of degree 1, from 28 to 7 pixels."""
    return [
        _convolution(in_channels, _WIDTH),
        nn.ReLU(),
        MaxPool2d(2),
        _convolution(_WIDTH, 2 * _WIDTH),
        nn.ReLU(),
        MaxPool2d(2),
    ]


def _last(num_classes: int) -> list[nn.Module]:
    return [nn.Flatten(), nn.Linear(2 * _WIDTH * 7 * 7, num_classes, bias=False)]


def squared_relu(in_channels: int = 1, num_classes: int = 10) -> nn.Module:
    """Build a net of degree 2, one of whose ReLUs is squared.

    Parameters
    ----------
    in_channels, num_classes : int
        Of images (N, in_channels, 28, 28) and logits (N, num_classes).
    """
    layers = _features(in_channels)
    layers[4] = SquaredReLU()
    return nn.Sequential(*layers, *_last(num_classes))


def quartic(in_channels: int = 1, num_classes: int = 10) -> nn.Module:
    """Build a net of degree 4, both of whose ReLUs are squared; see `squared_relu`."""
    layers = _features(in_channels)
    layers[1] = layers[4] = SquaredReLU()
    return nn.Sequential(*layers, *_last(num_classes))


def bilinear(in_channels: int = 1, num_classes: int = 10) -> nn.Module:
    """Build a net of degree 2 with bilinear pooling; see `squared_relu`."""
    pairs = (2 * _WIDTH) ** 2
    last = nn.Linear(pairs, num_classes, bias=False)
    return nn.Sequential(*_features(in_channels), BilinearPooling(), last)


def product(in_channels: int = 1, num_classes: int = 10) -> nn.Module:
    """Build a net of degree 2 that multiplies the features of two branches; see `squared_relu`."""
    branches = [nn.Sequential(*_features(in_channels)) for _ in range(2)]
    return nn.Sequential(Product(*branches), *_last(num_classes))
