"""Expected Gradients: their draws and what they estimate."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.oracles.helpers import close, generator
from tests.oracles.nets import Function
from xgradient.attribution import (
    expected_gradients,
    integrated_gradients,
    saliency,
)


def test_expected_gradients_draw_a_reference_for_each_image():
    weight = torch.tensor([[1.0, 2.0]], dtype=torch.float64)
    net = Function(lambda x: x @ weight.T)
    inputs, references = torch.randn(50, 2).double(), torch.randn(4, 2).double()
    target = torch.zeros(50, dtype=torch.long)
    result = expected_gradients(net, inputs, target, baselines=references, generator=generator())
    drawn = inputs - result / weight
    distances = (drawn[:, None] - references).abs().amax(2)
    assert (distances.min(1).values < 1e-12).all()
    assert len(distances.argmin(1).unique()) == 4


def test_expected_gradients_draw_a_point_of_the_path_for_each_image():
    net = Function(lambda x: x.square().sum(1, keepdim=True) / 2)
    inputs, references = torch.full((200, 1), 3.0).double(), torch.ones(1, 1).double()
    target = torch.zeros(200, dtype=torch.long)
    result = expected_gradients(net, inputs, target, baselines=references, generator=generator())
    alphas = (result / 2 - 1) / 2  # (x - r) (r + alpha (x - r))
    assert alphas.min() >= 0
    assert alphas.max() < 1
    assert len(alphas.unique()) == 200
    assert float(alphas.mean()) == pytest.approx(0.5, abs=0.1)
    assert float(alphas.var()) == pytest.approx(1 / 12, abs=0.03)


def test_expected_gradients_average_over_draws(case):
    net, inputs, target = case
    source = generator(3)
    draws = [
        expected_gradients(net, inputs, target, baselines=inputs, n_references=1, generator=source)
        for _ in range(5)
    ]
    assert not torch.equal(draws[0], draws[1])
    average = expected_gradients(
        net, inputs, target, baselines=inputs, n_references=5, generator=generator(3)
    )
    close(average, torch.stack(draws).mean(0))


def test_expected_gradients_approach_the_mean_of_integrated_gradients():
    net = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2)).double()
    inputs, references = torch.randn(1, 3).double(), torch.randn(5, 3).double()
    target = torch.tensor([1])
    expected = [
        integrated_gradients(net, inputs, target, baselines=reference, n_steps=300)
        for reference in references
    ]
    # Copies of the image, since one draw serves all of them in one pass.
    many = expected_gradients(
        net,
        inputs.expand(20000, -1),
        target.expand(20000),
        baselines=references,
        generator=generator(),
    )
    close(many.mean(0, keepdim=True), torch.stack(expected).mean(0), 0.03)


def test_every_row_can_have_references_of_its_own(case):
    net, inputs, target = case
    own = torch.randn(len(inputs), 4, *inputs.shape[1:], dtype=inputs.dtype)
    drawn = torch.randint(4, (len(inputs),), generator=generator(2))
    result = expected_gradients(net, inputs, target, baselines=own, generator=generator(2))
    taken = own[torch.arange(len(inputs)), drawn]
    alpha = generator(2)
    torch.randint(4, (len(inputs),), generator=alpha)
    alpha = torch.rand(len(inputs), generator=alpha, dtype=torch.float64)
    points = taken + alpha.view(-1, *[1] * (inputs.ndim - 1)) * (inputs - taken)
    close(result, (inputs - taken) * saliency(net, points, target))
    without = expected_gradients(
        net, inputs, target, baselines=own, generator=generator(2), multiply_by_inputs=False
    )
    close(without, saliency(net, points, target))


def test_expected_gradients_repeat_with_their_generator(case):
    net, inputs, target = case
    first, second = (
        expected_gradients(net, inputs, target, baselines=inputs, generator=generator(1))
        for _ in range(2)
    )
    assert torch.equal(first, second)
    torch.manual_seed(5)
    first = expected_gradients(net, inputs, target, baselines=inputs)
    assert not torch.equal(first, expected_gradients(net, inputs, target, baselines=inputs))
    torch.manual_seed(5)
    assert torch.equal(first, expected_gradients(net, inputs, target, baselines=inputs))


@pytest.mark.parametrize(
    ("references", "n_references", "message"),
    [
        (torch.ones(4, 2, 8, 7), 1, r"baselines must have shape \(R, 2, 8, 8\)"),
        (torch.ones(0, 2, 8, 8), 1, "non-empty"),
        (torch.ones(4, 2, 8, 8), 0, "n_references"),
    ],
)
def test_impossible_references_are_refused(case, references, n_references, message):
    net, inputs, target = case
    with pytest.raises(ValueError, match=message):
        expected_gradients(net, inputs, target, baselines=references, n_references=n_references)


@pytest.mark.parametrize("baselines", [None, 0.5, [1.0]])
def test_expected_gradients_need_a_distribution(case, baselines):
    with pytest.raises(TypeError, match="distribution that references are drawn from, got"):
        expected_gradients(*case, baselines=baselines)
    with pytest.raises(TypeError, match="baselines"):
        expected_gradients(*case)
