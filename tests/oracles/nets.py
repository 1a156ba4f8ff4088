"""Nets on which the library is tried: random ones, and ones given by a function."""

from __future__ import annotations

import torch
from hypothesis import strategies as st
from torch import Tensor, nn


class Function(nn.Module):
    """A net given by a function of its input."""

    def __init__(self, function, **modules: nn.Module) -> None:
        super().__init__()
        self.function = function
        for name, module in modules.items():
            self.add_module(name, module)

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x, **dict(self.named_children()))


class Wrapped(nn.Module):
    """A composite whose own forward applies a function to the output of its body."""

    def __init__(self, body: nn.Module, function) -> None:
        super().__init__()
        self.body = body
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self.body(x))


def conv(out: int = 2) -> nn.Conv2d:
    return nn.Conv2d(2, out, 3, padding=1).double()


class Residual(nn.Module):
    """``x + body(x)``."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class Twice(nn.Module):
    """One module called two times."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: Tensor) -> Tensor:
        return self.body(self.body(x))


@st.composite
def activations(draw: st.DrawFn) -> nn.Module:
    """A homogeneous activation."""
    return draw(
        st.sampled_from(
            [
                lambda: nn.ReLU(),
                lambda: nn.ReLU(inplace=True),
                lambda: nn.LeakyReLU(0.2),
                lambda: nn.PReLU(init=0.3),
            ]
        )
    )()


@st.composite
def convolutions(draw: st.DrawFn, channels: int, bias: bool) -> nn.Module:
    """A convolution with 4 output channels that keeps at least half of the side length."""
    kernel = draw(st.sampled_from([1, 3]))
    return nn.Conv2d(
        channels,
        4,
        kernel,
        stride=draw(st.sampled_from([1, 2])),
        padding=kernel // 2,
        groups=draw(st.sampled_from([1, 2])) if channels % 2 == 0 else 1,
        padding_mode=draw(st.sampled_from(["zeros", "reflect", "replicate", "circular"])),
        bias=bias,
    )


@st.composite
def nets(draw: st.DrawFn, bias: bool = False) -> tuple[nn.Module, Tensor, Tensor]:
    """A small random net, a batch of inputs and their targets, in double precision.

    Without biases the net is homogeneous of degree 1.
    """
    torch.manual_seed(draw(st.integers(0, 2**31)))
    n_images, n_classes = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    if draw(st.booleans()):
        inputs, layers = _vector_net(draw, n_images, n_classes, bias)
    else:
        inputs, layers = _image_net(draw, n_images, n_classes, bias)
    net = nn.Sequential(*layers).double()
    return net, inputs, torch.randint(n_classes, (n_images,))


def _vector_net(
    draw: st.DrawFn, n_images: int, n_classes: int, bias: bool
) -> tuple[Tensor, list[nn.Module]]:
    width = draw(st.integers(1, 6))
    inputs = torch.randn(n_images, width, dtype=torch.float64)
    layers = [nn.Linear(width, 6, bias=bias)]
    for _ in range(draw(st.integers(0, 3))):
        block = nn.Sequential(draw(activations()), nn.Linear(6, 6, bias=bias))
        wrap = draw(st.sampled_from([nn.Sequential, Twice]))
        if draw(st.booleans()):
            # A block that works in place would change what the skip connection adds.
            block = Residual(nn.Sequential(nn.Linear(6, 6, bias=bias), block))
        layers += [wrap(block), nn.Dropout()]
    return inputs, [*layers, draw(activations()), nn.Linear(6, n_classes, bias=bias)]


def _image_net(
    draw: st.DrawFn, n_images: int, n_classes: int, bias: bool
) -> tuple[Tensor, list[nn.Module]]:
    channels = draw(st.integers(1, 3))
    inputs = torch.randn(n_images, channels, 9, 9, dtype=torch.float64)
    layers: list[nn.Module] = [draw(convolutions(channels, bias)), draw(activations())]
    for _ in range(draw(st.integers(0, 2))):
        layers.append(
            draw(
                st.sampled_from(
                    [
                        lambda: nn.MaxPool2d(2, ceil_mode=True),
                        lambda: nn.MaxPool2d(3, stride=1, padding=1),
                        lambda: nn.AvgPool2d(2, ceil_mode=True),
                        # Dropout returns its input in evaluation mode, and what comes next may
                        # work in place: not on what the ReLU before has kept for its gradient.
                        lambda: nn.Sequential(nn.Dropout2d(), nn.Conv2d(4, 4, 1, bias=bias)),
                        lambda: Residual(
                            nn.Sequential(nn.Conv2d(4, 4, 3, padding=1, bias=bias), nn.ReLU())
                        ),
                        lambda: Twice(nn.Conv2d(4, 4, 1, bias=bias)),
                    ]
                )
            )()
        )
        layers.append(draw(activations()))
    pool = draw(st.sampled_from([nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d]))
    return inputs, [*layers, pool(2), nn.Flatten(), nn.Linear(16, n_classes, bias=bias)]


def linear(*shape: int) -> nn.Linear:
    return nn.Linear(*shape, bias=False)
