"""Small ReLU nets, and changes that leave the function of a net as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

__all__ = [
    "SIDE",
    "Net",
    "cancelling_units",
    "combined",
    "deeper",
    "permuted",
    "random_net",
    "rescaled",
    "split",
]

SIDE = 5
"""Side of the images. Windows of two pixels side by side do not reach the last row and column."""

_FEATURES, _CHANNELS, _POSITIONS = 4, 3, 2


@dataclass(frozen=True)
class Net:
    """A net of one output, as the weights of its layers, with a ReLU between two of them.

    Parameters
    ----------
    weights : tuple of Tensor, each of shape (outputs, inputs) or (outputs, inputs, H, W)
        Of dense layers; or of convolutions, the first with a stride of its own width, and of a
        dense layer behind them, whose weight has the shape of the last map.
    biases : tuple of Tensor of shape (outputs,), or None
        None for an X-DNN.
    """

    weights: tuple[Tensor, ...]
    biases: tuple[Tensor, ...] | None = None

    @property
    def convolutional(self) -> bool:
        """Whether its inputs are images (N, 1, H, W), and not vectors (N, F)."""
        return self.weights[0].dim() == 4

    def build(self) -> nn.Sequential:
        """Return the net as a module, in float64 and evaluation mode."""
        layers: list[nn.Module] = []
        for number, weight in enumerate(self.weights):
            last = number == len(self.weights) - 1
            if layers:
                layers.append(nn.ReLU())
            if self.convolutional and last:
                layers.append(nn.Flatten())
            layers.append(self._layer(weight, number, last))
        return nn.Sequential(*layers).eval()

    def _layer(self, weight: Tensor, number: int, last: bool) -> nn.Module:
        layer: nn.Linear | nn.Conv2d
        bias = self.biases is not None
        if self.convolutional and not last:
            size = weight.shape[-1]
            stride = size if number == 0 else 1
            layer = nn.Conv2d(weight.shape[1], len(weight), size, stride, bias=bias)
        else:
            weight = weight.flatten(1)
            layer = nn.Linear(weight.shape[1], len(weight), bias=bias)
        layer.double()
        with torch.no_grad():
            layer.weight.copy_(weight)
            if self.biases is not None and layer.bias is not None:
                layer.bias.copy_(self.biases[number])
        return layer


def random_net(
    generator: torch.Generator, convolutional: bool, bias: bool, widths: Sequence[int] = (5, 4)
) -> Net:
    """Draw a net with two hidden layers.

    Parameters
    ----------
    generator : torch.Generator
        Source of the weights.
    convolutional : bool
        Whether it takes images of one channel and `SIDE` pixels a side, or vectors of four.
    bias : bool
        Whether it has biases.
    widths : sequence of int
        Units, or channels, of the hidden layers.

    Returns
    -------
    Net
        Its output is of the order of one.
    """
    first, second = widths
    shapes: list[tuple[int, ...]] = [(first, _FEATURES), (second, first), (1, second)]
    if convolutional:
        window, positions = (_POSITIONS, _POSITIONS), (SIDE // _POSITIONS,) * 2
        shapes = [(first, 1, *window), (second, first, 1, 1), (1, second, *positions)]

    def drawn(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    weights = tuple(drawn(*shape) / shape[1] ** 0.5 for shape in shapes)
    return Net(weights, tuple(drawn(shape[0]) / 2 for shape in shapes) if bias else None)


def permuted(net: Net, generator: torch.Generator) -> Net:
    """Exchange the units of every hidden layer."""
    weights, biases = _lists(net)
    for layer in range(len(weights) - 1):
        order = torch.randperm(len(weights[layer]), generator=generator)
        weights[layer] = weights[layer][order]
        weights[layer + 1] = weights[layer + 1][:, order]
        if biases is not None:
            biases[layer] = biases[layer][order]
    return _net(weights, biases)


def split(net: Net, generator: torch.Generator) -> Net:
    """Give every hidden unit a twin, with which it shares its outgoing weights, 1/3 to 2/3."""
    weights, biases = _lists(net)
    for layer in range(len(weights) - 1):
        weights[layer] = torch.cat([weights[layer]] * 2)
        outgoing = weights[layer + 1]
        weights[layer + 1] = torch.cat([outgoing / 3, outgoing * 2 / 3], 1)
        if biases is not None:
            biases[layer] = torch.cat([biases[layer]] * 2)
    return _net(weights, biases)


def rescaled(net: Net, generator: torch.Generator) -> Net:
    """Multiply the hidden units by positive numbers, and divide their outgoing weights by them."""
    weights, biases = _lists(net)
    for layer in range(len(weights) - 1):
        size = len(weights[layer])
        factors = torch.rand(size, generator=generator, dtype=torch.float64) * 3 + 0.5
        # Of this layer's axis: the first of the incoming weights, the second of the outgoing.
        incoming, outgoing = weights[layer], weights[layer + 1]
        weights[layer] = incoming * factors.view(-1, *(1,) * (incoming.dim() - 1))
        weights[layer + 1] = outgoing / factors.view(1, -1, *(1,) * (outgoing.dim() - 2))
        if biases is not None:
            biases[layer] = biases[layer] * factors
    return _net(weights, biases)


def deeper(net: Net, generator: torch.Generator) -> Net:
    """Repeat the last ReLU, which changes nothing: what it returns is not negative."""
    weights, biases = _lists(net)
    size = len(weights[-2])
    same = torch.eye(size, dtype=torch.float64)
    weights.insert(len(weights) - 1, same[..., None, None] if net.convolutional else same)
    if biases is not None:
        biases.insert(len(biases) - 1, torch.zeros(size, dtype=torch.float64))
    return _net(weights, biases)


def cancelling_units(
    net: Net, generator: torch.Generator, feature: tuple[int, ...] | None = None
) -> Net:
    """Add two equal units to the first layer, which the second layer subtracts from each other.

    Parameters
    ----------
    net : Net
        The net.
    generator : torch.Generator
        Source of their weights.
    feature : tuple of int, optional
        The only feature that the units look at, of images in the first window; by default they
        look at all.

    Returns
    -------
    Net
        The same function.
    """
    weights, biases = _lists(net)
    unit = torch.randn(weights[0][:1].shape, generator=generator, dtype=torch.float64)
    if feature is not None:
        only = torch.zeros_like(unit)
        only[(0, *feature)] = unit[(0, *feature)].abs() + 0.5
        unit = only
    weights[0] = torch.cat([weights[0], unit, unit])
    shape = (len(weights[1]), 1, *weights[1].shape[2:])
    outgoing = torch.randn(shape, generator=generator, dtype=torch.float64)
    weights[1] = torch.cat([weights[1], outgoing, -outgoing], 1)
    if biases is not None:
        biases[0] = torch.cat([biases[0], biases[0].new_full((2,), 0.25)])
    return _net(weights, biases)


def combined(first: Net, second: Net, factors: tuple[float, float]) -> Net:
    """Put two nets of equal depth side by side, and add their outputs times two factors."""
    depth = len(first.weights)
    weights = [torch.cat([first.weights[0], second.weights[0]])]
    for one, other in zip(first.weights[1:-1], second.weights[1:-1], strict=True):
        joint = one.new_zeros(len(one) + len(other), one.shape[1] + other.shape[1], *one.shape[2:])
        joint[: len(one), : one.shape[1]] = one
        joint[len(one) :, one.shape[1] :] = other
        weights.append(joint)
    scaled = [f * net.weights[-1] for f, net in zip(factors, (first, second), strict=True)]
    weights.append(torch.cat(scaled, 1))
    if first.biases is None or second.biases is None:
        return Net(tuple(weights))
    biases = [torch.cat([first.biases[k], second.biases[k]]) for k in range(depth - 1)]
    biases.append(factors[0] * first.biases[-1] + factors[1] * second.biases[-1])
    return Net(tuple(weights), tuple(biases))


def _lists(net: Net) -> tuple[list[Tensor], list[Tensor] | None]:
    return list(net.weights), None if net.biases is None else list(net.biases)


def _net(weights: list[Tensor], biases: list[Tensor] | None) -> Net:
    return Net(tuple(weights), None if biases is None else tuple(biases))
