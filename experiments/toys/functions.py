"""Functions of one or two inputs on which attribution methods disagree.

The saturating net, the thresholded unit and the minimum are Figures 1 to 3 of DeepLIFT (Shrikumar,
Greenside and Kundaje 2017, ICML); ``1 - ReLU(1 - x)`` is the example with which Sundararajan, Taly
and Yan (2017, ICML, Sec. 2.1) show that the gradient breaks sensitivity. The reference is zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

__all__ = ["TOYS", "Minimum", "Toy"]


@dataclass(frozen=True)
class Toy:
    """A function and the line of inputs along which it is plotted.

    Parameters
    ----------
    network : torch.nn.Module
        Maps inputs (N, n) to one output (N, 1), in float64; at zero the output is zero.
    formula : str
        Its formula.
    inputs : tuple of str
        Names of its n inputs.
    start, end : tuple of float
        The two ends of the line; the first input changes along it.
    along : str
        Meaning of the first input along the line.
    """

    network: nn.Module
    formula: str
    inputs: tuple[str, ...]
    start: tuple[float, ...]
    end: tuple[float, ...]
    along: str

    def line(self, n_points: int) -> Tensor:
        """Return equidistant points of the line, both ends included, shape (n_points, n)."""
        ends = torch.tensor([self.start, self.end], dtype=torch.float64)
        position = torch.linspace(0, 1, n_points, dtype=torch.float64)[:, None]
        return torch.lerp(ends[:1], ends[1:], position)


class Minimum(nn.Module):
    """The minimum of two inputs, as the net ``i1 - ReLU(i1 - i2)``."""

    def __init__(self) -> None:
        super().__init__()
        self.difference = _linear([[1.0, -1.0]], [0.0])
        self.relu = nn.ReLU()
        self.first = _linear([[1.0, 0.0]], [0.0])

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (N, 2) to (N, 1)."""
        return self.first(inputs) - self.relu(self.difference(inputs))


def _linear(weight: list[list[float]], bias: list[float]) -> nn.Linear:
    layer = nn.Linear(len(weight[0]), len(weight), dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(weight))
        layer.bias.copy_(torch.tensor(bias))
    return layer


TOYS: Mapping[str, Toy] = {
    "saturation": Toy(
        nn.Sequential(_linear([[-1.0, -1.0]], [1.0]), nn.ReLU(), _linear([[-1.0]], [1.0])),
        "1 − ReLU(1 − i1 − i2)",
        ("i1", "i2"),
        (0.0, 0.0),
        (1.5, 1.5),
        "i1 = i2",
    ),
    "threshold": Toy(
        nn.Sequential(_linear([[1.0]], [-10.0]), nn.ReLU()),
        "ReLU(x − 10)",
        ("x",),
        (0.0,),
        (20.0,),
        "x",
    ),
    "minimum": Toy(
        Minimum(), "min(i1, i2)", ("i1", "i2"), (0.0, 1.0), (2.0, 1.0), "i1, with i2 = 1"
    ),
    "sensitivity": Toy(
        nn.Sequential(_linear([[-1.0]], [1.0]), nn.ReLU(), _linear([[-1.0]], [1.0])),
        "1 − ReLU(1 − x)",
        ("x",),
        (0.0,),
        (2.0,),
        "x",
    ),
}
"""By name: Figures 1, 2 and 3 of DeepLIFT, and the example of Integrated Gradients."""
