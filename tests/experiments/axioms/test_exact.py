"""Exact Integrated and Expected Gradients against the papers' numbers and another derivation."""

from __future__ import annotations

import pytest
import torch

from experiments.axioms.cases import cases_of
from experiments.axioms.expectation import exact_expected_gradients
from experiments.axioms.nets import random_net
from tests.oracles.helpers import close
from tests.oracles.path_integral import literal_path_integral
from xgradient.attribution import exact_integrated_gradients, x_gradient

ONE = torch.tensor([0])


def pair():
    cases = cases_of("implementation_invariance", "usual", True, False, 0, 0)
    (case,) = (case for case in cases if case.name == "f and g")
    return case


@pytest.mark.parametrize("which", [0, 1])
def test_the_pair_of_the_paper_gets_its_numbers(which):
    case = pair()
    values = exact_integrated_gradients(case.nets[which].build(), case.inputs[:1], ONE)
    close(values, torch.tensor([[1.5, -0.5]]).double())


def test_the_saturating_net_gets_all_of_its_change():
    case = next(iter(cases_of("sensitivity_a", "usual", True, False, 0, 0)))
    net = case.nets[0].build()
    x = torch.tensor([[2.0], [0.25]]).double()
    close(
        exact_integrated_gradients(net, x, torch.zeros(2, dtype=torch.long)),
        torch.tensor([[1.0], [0.25]]).double(),
    )
    # From 3, where the net is flat, to 0.5: all of the change again.
    back = exact_integrated_gradients(net, x[:1] / 4, ONE, baselines=3.0)
    close(back, torch.tensor([[-0.5]]).double())


@pytest.mark.parametrize("convolutional", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_the_path_is_cut_at_every_kink(convolutional, bias):
    generator = torch.Generator().manual_seed(3)
    net = random_net(generator, convolutional, bias).build()
    shape = (2, 1, 5, 5) if convolutional else (2, 4)
    x, start = torch.randn(2, *shape, generator=generator).double()
    target = torch.zeros(2, dtype=torch.long)
    values = exact_integrated_gradients(net, x, target, baselines=start)
    close(values, literal_path_integral(net, x, target, baselines=start), 1e-10)
    with torch.no_grad():
        change = net(x) - net(start)
    close(values.flatten(1).sum(1, keepdim=True), change)
    if not bias:
        close(exact_integrated_gradients(net, x, target), x_gradient(net, x, target))


def test_expected_gradients_are_the_mean_over_the_references():
    generator = torch.Generator().manual_seed(4)
    net = random_net(generator, False, True).build()
    x, references = torch.randn(2, 4).double(), torch.randn(2, 3, 4).double()
    target = torch.zeros(2, dtype=torch.long)
    values = exact_expected_gradients(net, x, target, baselines=references)
    for row in range(2):
        each = [
            exact_integrated_gradients(net, x[row : row + 1], ONE, baselines=reference)
            for reference in references[row]
        ]
        close(values[row : row + 1], sum(each) / 3)
