"""The toy functions of DeepLIFT and IG: every attribution in closed form, in float64."""

from __future__ import annotations

import pytest
import torch

from experiments.attributions import load_attributions
from experiments.methods import method as registered
from experiments.methods import methods_for
from experiments.toys.functions import TOYS

N_STEPS = 1000
METHODS = methods_for("toys")


def attribute_toy(toy, key, inputs, n_steps=300):
    """Run a method of the registry on a toy."""
    call = registered(key).call({"n_steps": n_steps, "method": "riemann_middle"})
    target = torch.zeros(len(inputs), dtype=torch.long)
    return load_attributions({key: call})[key](toy.network, inputs, target)


def inputs_of(name):
    """Points off the kinks, where the gradient is not defined."""
    points = {
        "saturation": [[0.1, 0.3], [0.2, 0.2], [0.45, 0.5], [0.7, 0.6], [1.5, 0.4]],
        "threshold": [[0.5], [5.0], [9.9], [10.1], [17.0]],
        "minimum": [[0.2, 1.0], [0.9, 1.0], [1.1, 1.0], [2.0, 1.0], [0.6, 0.1]],
        "sensitivity": [[0.2], [0.99], [1.01], [2.0]],
    }
    return torch.tensor(points[name], dtype=torch.float64)


def expected(name, method, x):
    """The attribution by hand."""
    total = x.sum(1, keepdim=True)
    if name in ("saturation", "sensitivity"):
        inside = (total < 1).double().expand_as(x)
        if method == "gradient":
            return inside
        if method in ("input_x_gradient", "lrp_epsilon"):
            return inside * x
        # The signal that reaches the ReLU is negative.
        if method in ("guided_backprop", "deconvolution"):
            return torch.zeros_like(x)
        # All inputs push the same way: what the output gained is shared in proportion.
        return x * total.clamp(max=1) / total
    if name == "threshold":
        above = (x > 10).double()
        if method in ("gradient", "guided_backprop"):
            return above
        if method == "deconvolution":  # the signal is positive, whatever the ReLU's input is
            return torch.ones_like(x)
        products = ("input_x_gradient", "lrp_epsilon")
        return above * x if method in products else (x - 10).clamp(min=0)
    first_is_less = (x[:, :1] < x[:, 1:]).double()
    gradient = torch.cat([first_is_less, 1 - first_is_less], dim=1)
    if method == "gradient":
        return gradient
    if method in ("guided_backprop", "deconvolution"):  # the branch with the ReLU is lost
        return torch.tensor([[1.0, 0.0]], dtype=torch.float64).expand_as(x)
    if method == "deeplift_revealcancel":
        return 0.5 * x.amin(1, keepdim=True).expand_as(x)
    return gradient * x


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", TOYS)
def test_attributions_have_their_closed_forms(name, method):
    x = inputs_of(name)
    found = attribute_toy(TOYS[name], method, x, N_STEPS)
    # The midpoint rule misses the place of the kink by up to half a step.
    # LRP divides by a little more than what it shares.
    tolerances = {"ig": x.abs().max().item() / N_STEPS, "lrp_epsilon": 1e-6}
    tolerance = tolerances.get(method, 1e-9)
    torch.testing.assert_close(found, expected(name, method, x), atol=tolerance, rtol=0)


@pytest.mark.parametrize("name", TOYS)
def test_outputs_are_the_formulas_and_zero_at_zero(name):
    x = inputs_of(name)
    formulas = {
        "saturation": lambda x: x.sum(1).clamp(max=1),
        "threshold": lambda x: (x[:, 0] - 10).clamp(min=0),
        "minimum": lambda x: x.amin(1),
        "sensitivity": lambda x: x[:, 0].clamp(max=1),
    }
    with torch.no_grad():
        torch.testing.assert_close(TOYS[name].network(x)[:, 0], formulas[name](x))
        assert TOYS[name].network(torch.zeros_like(x)).abs().max() == 0


@pytest.mark.parametrize("name", TOYS)
@pytest.mark.parametrize("method", ["deeplift_rescale", "deeplift_revealcancel"])
def test_deeplift_sums_to_the_output_on_the_whole_line(name, method):
    toy = TOYS[name]
    x = toy.line(201)
    with torch.no_grad():
        output = toy.network(x)[:, 0]
    torch.testing.assert_close(attribute_toy(toy, method, x).sum(1), output, atol=1e-9, rtol=0)


def test_lines_hold_both_ends():
    toy = TOYS["minimum"]
    line = toy.line(5)
    assert line.tolist() == [[0.0, 1.0], [0.5, 1.0], [1.0, 1.0], [1.5, 1.0], [2.0, 1.0]]
    assert line.dtype == torch.float64
