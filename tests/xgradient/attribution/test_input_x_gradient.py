"""Input times gradient: the gradient times the distance from a baseline."""

from __future__ import annotations

import pytest
import torch

from tests.oracles.attribution import literal_gradient
from tests.oracles.helpers import close
from xgradient.attribution import input_x_gradient, integrated_gradients


@pytest.mark.parametrize(
    "baselines",
    [None, 0.1, 2, torch.rand(2, 1, 1).double(), torch.rand(2, 8, 8), torch.rand(3, 2, 8, 8)],
)
def test_input_x_gradient_of_the_definition(case, baselines):
    net, inputs, target = case
    ours = input_x_gradient(net, inputs, target, baselines=baselines)
    net.eval()
    for n in range(3):
        start = 0 if baselines is None else baselines
        start = start[n] if isinstance(start, torch.Tensor) and start.ndim == 4 else start
        expected = (inputs[n] - start) * literal_gradient(net, inputs[n], int(target[n]))
        close(ours[n], expected)


def test_input_x_gradient_is_one_step_at_the_end_of_the_path(case):
    net, inputs, target = case
    baselines = torch.rand(2, 8, 8)
    ours = input_x_gradient(net, inputs, target, baselines=baselines)
    options = {"n_steps": 1, "method": "riemann_right"}
    close(ours, integrated_gradients(net, inputs, target, baselines=baselines, **options))
