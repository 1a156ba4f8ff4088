"""The premises of the axioms: what nets and inputs must be, checked at random points."""

from __future__ import annotations

import itertools

import pytest
import torch

from experiments.axioms.cases import AXIOMS, cases_of
from experiments.axioms.nets import SIDE, combined, random_net
from tests.oracles.helpers import close

KINDS = list(itertools.product([True, False], [True, False]))
kinds = pytest.mark.parametrize(("bias", "convolutional"), KINDS)


def cases(axiom, bias, convolutional, reading="usual"):
    found = list(cases_of(axiom, reading, bias, convolutional, 2, 7))
    assert found or not convolutional
    return found


def output(net, inputs):
    with torch.no_grad():
        return net.build()(inputs)[:, 0]


def points(case, number=200):
    generator = torch.Generator().manual_seed(1)
    shape = case.inputs.shape[1:]
    return 3 * torch.randn(number, *shape, generator=generator, dtype=torch.float64)


@kinds
@pytest.mark.parametrize("axiom", AXIOMS)
def test_x_nets_have_no_biases_and_zero_baselines(axiom, bias, convolutional):
    for case in cases(axiom, bias, convolutional):
        assert all(value.dtype == torch.float64 for value in (case.inputs, case.references))
        assert case.inputs.shape == case.baselines.shape
        assert case.references.shape[2:] == case.inputs.shape[1:]
        if not bias:
            assert all(net.biases is None for net in case.nets)
            assert not case.baselines.any()
            for net in case.nets:
                close(output(net, 3 * case.inputs), 3 * output(net, case.inputs))


@kinds
def test_inputs_of_sensitivity_a_differ_in_one_feature(bias, convolutional):
    for case in cases("sensitivity_a", bias, convolutional):
        (place,) = case.features
        for start in (case.baselines[:, None], case.references):
            differs = (case.inputs[:, None] != start).flatten(2)
            other = differs.clone().view(*differs.shape[:2], *case.inputs.shape[1:])
            other[(..., *place)] = False
            assert differs.any() and not other.any()


@kinds
def test_features_of_sensitivity_b_have_no_effect(bias, convolutional):
    found = cases("sensitivity_b", bias, convolutional)
    for case in found:
        for place in case.features:
            values = points(case)
            changed = values.clone()
            changed[(..., *place)] = 5 * torch.randn(len(values), dtype=torch.float64)
            assert (output(case.nets[0], values) - output(case.nets[0], changed)).abs().max() < 1e-9
    names = {case.name for case in found}
    assert "random net, cancelling units" in names
    # An effect that cancels is there: without one of the two units it would show.
    cancelling = next(case for case in found if case.name == "random net, cancelling units")
    assert cancelling.nets[0].weights[0][(slice(None), *cancelling.features[0])].any()


@kinds
def test_nets_of_implementation_invariance_are_the_same_function(bias, convolutional):
    found = cases("implementation_invariance", bias, convolutional)
    for case in found:
        first, second = (output(net, points(case)) for net in case.nets)
        close(second, first, 1e-10)
        assert first.std() > 0 or case.name == "f and g"
        assert [w.tolist() for w in case.nets[0].weights] != [
            w.tolist() for w in case.nets[1].weights
        ] or case.name == "f and g"
    assert len({case.name for case in found}) == 5 + (bias and not convolutional)


@kinds
def test_the_third_net_of_linearity_is_the_weighted_sum(bias, convolutional):
    for case in cases("linearity", bias, convolutional):
        first, second, joint = (output(net, points(case)) for net in case.nets)
        close(joint, case.factors[0] * first + case.factors[1] * second)


@kinds
@pytest.mark.parametrize("reading", ["usual", "same draws"])
def test_features_of_symmetry_can_be_exchanged(bias, convolutional, reading):
    for case in cases("symmetry", bias, convolutional, reading):
        one, other = ((..., *place) for place in case.features)
        values = points(case)
        exchanged = values.clone()
        exchanged[one], exchanged[other] = values[other], values[one]
        net = case.nets[0]
        assert (output(net, values) - output(net, exchanged)).abs().max() < 1e-9
        assert torch.equal(case.inputs[one], case.inputs[other])
        assert torch.equal(case.baselines[one], case.baselines[other])
        for references in case.references:
            pairs = [
                sorted(map(float, pair))
                for pair in zip(references[one], references[other], strict=True)
            ]
            mirrored = sorted(map(float, references[one])) == sorted(map(float, references[other]))
            assert mirrored
            if reading == "same draws":
                assert all(low == high for low, high in pairs)


def test_the_last_pixels_are_in_no_window():
    net = random_net(torch.Generator().manual_seed(0), True, True).build()
    image = torch.randn(1, 1, SIDE, SIDE, dtype=torch.float64, requires_grad=True)
    net(image).sum().backward()
    seen = image.grad[0, 0] != 0
    assert not seen[-1].any() and not seen[:, -1].any() and seen[:-1, :-1].any()


def test_nets_side_by_side_do_not_mix():
    generator = torch.Generator().manual_seed(0)
    nets = [random_net(generator, False, True) for _ in range(2)]
    joint = combined(*nets, (2.0, 0.0))
    x = torch.randn(5, 4, dtype=torch.float64)
    close(output(joint, x), 2 * output(nets[0], x))
