"""Stacked networks: initial parameters, and derivatives against autograd."""

from __future__ import annotations

import pytest
import torch

from experiments.attribution_prior.perceptron import StackedPerceptrons, initial_parameters
from experiments.attribution_prior.repetitions import repetition_generator


def test_initial_network_is_that_of_a_linear_layer_and_loses_only_its_biases() -> None:
    widths = (50, 40, 20, 1)
    with_bias, without = (
        initial_parameters(widths, bias, repetition_generator(0, 1)) for bias in (True, False)
    )
    n_weights = 50 * 40 + 40 * 20 + 20
    assert len(without) == n_weights and len(with_bias) == n_weights + 61
    assert torch.equal(with_bias[:n_weights], without)
    parts = with_bias.split([2000, 800, 20, 40, 20, 1])
    for part, inputs in zip(parts[:5], [50, 40, 20, 50, 40], strict=True):
        bound = inputs**-0.5
        # Uniform: within the bound, and filling it.
        assert part.abs().max() <= bound
        assert part.abs().max() > 0.8 * bound
        assert part.abs().mean().item() == pytest.approx(bound / 2, rel=0.35)


@pytest.mark.parametrize("bias", [False, True])
def test_derivatives_of_stacked_networks_are_those_of_autograd(bias: bool) -> None:
    widths, n_networks, n_rows = (5, 9, 7, 1), 3, 8
    generators = [repetition_generator(0, i) for i in range(n_networks)]
    parameters = torch.stack([initial_parameters(widths, bias, g) for g in generators]).double()
    stacked = StackedPerceptrons(parameters.clone(), widths, bias)
    rows = torch.randn(n_networks, n_rows, 5, dtype=torch.float64)
    slope = torch.randn(n_networks, n_rows, dtype=torch.float64)
    directions = torch.randn(n_networks, n_rows, 5, dtype=torch.float64)

    activations, logits = stacked.forward(rows)
    gates = [hidden.sign() for hidden in activations[1:]]
    deltas = stacked.backward(gates)
    tangents = stacked.tangent(directions, gates)
    lefts = [h * slope.unsqueeze(-1) + t for h, t in zip(activations, tangents, strict=True)]
    stacked.set_gradient(lefts, deltas, slope)

    for b in range(n_networks):
        flat = parameters[b].clone().requires_grad_()
        points = rows[b].clone().requires_grad_()
        sizes = [45, 63, 7] + ([9, 7, 1] if bias else [])
        parts = flat.split(sizes)
        hidden = points
        for layer, shape in enumerate([(5, 9), (9, 7), (7, 1)]):
            hidden = hidden @ parts[layer].reshape(shape)
            hidden = hidden + parts[3 + layer] if bias else hidden
            hidden = hidden.relu() if layer < 2 else hidden
        (gradient,) = torch.autograd.grad(hidden.sum(), points, create_graph=True)
        objective = (slope[b] * hidden[:, 0]).sum() + (directions[b] * gradient).sum()
        torch.testing.assert_close(logits[b], hidden[:, 0].detach())
        torch.testing.assert_close(stacked.input_gradient(deltas[0])[b], gradient.detach())
        (expected,) = torch.autograd.grad(objective, flat)
        torch.testing.assert_close(stacked.gradient[b], expected)
