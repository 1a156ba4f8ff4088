"""How DeepLIFT passes layers with weights."""

from __future__ import annotations

import torch
from torch import nn

from tests.oracles.deeplift_nets import (
    randn,
    randomized,
    zeros,
)
from xgradient.deeplift import (
    Signal,
    deeplift,
    revealcancel,
)
from xgradient.deeplift.layers import affine_of_linear
from xgradient.deeplift.operations import linear


def test_a_part_that_is_not_there_is_exactly_nothing():
    # Behind an input that does not differ the multipliers of both signs count the same, so that
    # rounding in place of a part would show.
    generator = torch.Generator().manual_seed(0)
    layer = nn.Linear(50, 2000)
    with torch.no_grad():
        layer.weight[:1000].abs_()
    actual, reference = torch.rand(2, 20, 50, generator=generator)
    actual += 1.0
    parts = linear(affine_of_linear(layer.weight), Signal(actual, reference)).parts()
    assert (parts.negative[:, :1000] == 0).all()
    assert (parts.negative[:, 1000:] < 0).any()
    # And so the limit of its multiplier, not a quotient of rounding errors.
    output = Signal(
        layer(actual).double().detach(),
        layer(reference).double().detach(),
        parts.map(torch.Tensor.double),
    )
    falling = revealcancel(torch.tanh, output).negative[:, :1000]
    slopes = [1 - values.tanh().square() for values in (output.actual, output.reference)]
    expected = 0.5 * (slopes[0] + slopes[1])[:, :1000]
    torch.testing.assert_close(falling, expected, atol=1e-6, rtol=0)


def test_a_single_layer_is_a_model():
    model = nn.Linear(3, 2).double()
    inputs = randn(4, 3)
    result = deeplift(model, inputs, zeros(4), rule="revealcancel")
    torch.testing.assert_close(result, inputs * model.weight[0].detach())


def test_a_wide_layer_is_worked_through_in_blocks():
    # More weights than are copied at once, and a number that does not divide.
    model = nn.Sequential(nn.Linear(1100, 1501), nn.ReLU(), nn.Linear(1501, 2))
    randomized(model)
    inputs = randn(2, 1100)
    result = deeplift(model, inputs, zeros(2), rule="revealcancel")
    # The same net with every unit of the wide layer in one of two narrow layers.
    split = Halves(model)
    expected = deeplift(split, inputs, zeros(2), rule="revealcancel")
    torch.testing.assert_close(result, expected, atol=1e-12, rtol=0)


class Halves(nn.Module):
    """The hidden layer of a net in two halves of few enough weights, side by side."""

    def __init__(self, model: nn.Sequential) -> None:
        super().__init__()
        wide = model[0]
        self.parts = nn.ModuleList()
        for rows in (slice(0, 700), slice(700, None)):
            weight = wide.weight.detach()[rows]
            part = nn.Linear(weight.shape[1], weight.shape[0]).double()
            part.load_state_dict({"weight": weight, "bias": wide.bias.detach()[rows]})
            self.parts.append(part)
        self.relu, self.leave = model[1], model[2]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.leave(self.relu(torch.cat([part(x) for part in self.parts], 1)))
