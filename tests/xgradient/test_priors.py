"""Gini coefficient and penalty against their definitions and autograd."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torch import nn

from tests.oracles import priors as reference
from xgradient.priors import (
    attribution_prior_loss,
    gini,
    prior_and_gradient,
    total_variation,
)


@pytest.mark.parametrize(
    ("values", "expected"),
    [([2.0, 2.0, 2.0], 0.0), ([0.0, 0.0, 5.0], 2 / 3), ([1.0, 3.0], 0.25), ([4.0], 0.0)],
)
def test_gini_of_known_values(values: list[float], expected: float) -> None:
    assert gini(torch.tensor(values, dtype=torch.float64)).item() == pytest.approx(expected)


@hypothesis_settings(max_examples=40)
@given(
    arrays.arrays(
        np.float64,
        st.tuples(st.integers(1, 3), st.integers(1, 8)),
        elements=st.floats(0, 50).map(lambda value: round(value, 1)),
    )
)
def test_gini_is_its_definition_and_does_not_depend_on_the_scale(values: np.ndarray) -> None:
    values[:, 0] += 1
    values = torch.tensor(values)
    computed = gini(values)
    for row, coefficient in zip(values, computed, strict=True):
        assert coefficient.item() == pytest.approx(reference.gini(row).item(), abs=1e-12)
    torch.testing.assert_close(gini(1e3 * values), computed)


def test_gini_of_nothing_is_nan() -> None:
    assert gini(torch.tensor([[0.0, 0.0], [1.0, 0.0]])).isnan().tolist() == [True, False]


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        (torch.tensor([1.0, -0.1]), ValueError, "non-negative"),
        (torch.tensor([1, 2]), TypeError, "int64"),
        (torch.ones(3, 0), ValueError, r"\(3, 0\)"),
        (torch.tensor(1.0), ValueError, "last dimension"),
    ],
)
def test_gini_refuses(values: torch.Tensor, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        gini(values)


def test_penalty_is_minus_the_gini_of_mean_absolute_attributions() -> None:
    attributions = torch.randn(2, 5, 6, dtype=torch.float64)
    penalty = attribution_prior_loss(attributions)
    expected = [-reference.gini(rows.abs().mean(0)).item() for rows in attributions]
    assert penalty.tolist() == pytest.approx(expected)
    with pytest.raises(ValueError, match="one row"):
        attribution_prior_loss(torch.ones(4))
    with pytest.raises(ValueError, match="one row"):
        attribution_prior_loss(torch.ones(0, 4))


def test_penalty_trains_a_model_through_double_backpropagation() -> None:
    # Smooth, so that finite differences of the whole loss are a check of their own.
    model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 1)).double()
    inputs = torch.randn(5, 4, dtype=torch.float64)

    def penalty(weight: torch.Tensor) -> torch.Tensor:
        points = inputs.clone().requires_grad_()
        parameters = {**dict(model.named_parameters()), "0.weight": weight}
        logits = torch.func.functional_call(model, parameters, (points,))
        (gradient,) = torch.autograd.grad(logits.sum(), points, create_graph=True)
        return attribution_prior_loss(gradient * points)

    weight = model[0].weight.detach().clone().requires_grad_()
    assert torch.autograd.gradcheck(penalty, (weight,))


@pytest.mark.parametrize("rounded", [False, True])
def test_closed_form_of_the_penalty_is_autograd(rounded: bool) -> None:
    attributions = torch.randn(3, 6, 5, dtype=torch.float64)
    attributions[0, :, 1] = 0
    if rounded:  # ties between features, and zeros
        attributions = attributions.round()
        attributions[:, :, 2] = attributions[:, :, 3]
    attributions.requires_grad_()
    expected = torch.stack([-reference.gini(rows.abs().mean(0)) for rows in attributions])
    (slope,) = torch.autograd.grad(expected.sum(), attributions)
    penalty, gradient = prior_and_gradient(attributions.detach())
    torch.testing.assert_close(penalty, expected.detach())
    torch.testing.assert_close(gradient, slope, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("n_features", [255, 256, 257, 700])
def test_gini_of_many_values_is_its_definition(n_features: int) -> None:
    values = torch.rand(2, n_features, dtype=torch.float64)
    values[:, ::3] = values[:, :1]  # ties
    values.requires_grad_()
    expected = torch.stack([reference.gini(row) for row in values])
    (slope,) = torch.autograd.grad(expected.sum(), values, retain_graph=True)
    torch.testing.assert_close(gini(values), expected)
    (found,) = torch.autograd.grad(gini(values).sum(), values)
    torch.testing.assert_close(found, slope, rtol=1e-9, atol=1e-13)


def test_total_variation_is_its_definition() -> None:
    maps = torch.randn(2, 3, 4, dtype=torch.float64)
    for each, total in zip(maps, total_variation(maps), strict=True):
        expected = 0.0
        for i in range(3):
            for j in range(4):
                expected += abs(each[i + 1, j] - each[i, j]).item() if i < 2 else 0
                expected += abs(each[i, j + 1] - each[i, j]).item() if j < 3 else 0
        assert total.item() == pytest.approx(expected)
    with pytest.raises(ValueError, match=r"got \(3,\)"):
        total_variation(torch.ones(3))


@pytest.mark.parametrize(
    ("prior", "of_image"),
    [
        ("image_gini", lambda pixels: -reference.gini(pixels.abs().flatten())),
        ("total_variation", total_variation),
    ],
)
def test_priors_on_images_judge_every_image_by_itself(prior, of_image) -> None:
    attributions = torch.randn(3, 2, 5, 4, dtype=torch.float64)
    expected = sum(of_image(image[0] + image[1]).item() for image in attributions) / 3
    assert attribution_prior_loss(attributions, prior).item() == pytest.approx(expected)
    with pytest.raises(ValueError, match=r"\(N, C, H, W\) .* got \(3, 2, 5\)"):
        attribution_prior_loss(attributions[..., 0], prior)


def test_an_unknown_prior_is_refused() -> None:
    with pytest.raises(ValueError, match="image_gini, total_variation, got 'l1'"):
        attribution_prior_loss(torch.ones(2, 3), "l1")


def test_an_image_without_attribution_counts_as_zero() -> None:
    attributions = torch.randn(3, 2, 5, 4, dtype=torch.float64)
    attributions[1] = 0
    expected = attribution_prior_loss(attributions[[0, 2]], "image_gini") * 2 / 3
    attributions.requires_grad_()
    loss = attribution_prior_loss(attributions, "image_gini")
    torch.testing.assert_close(loss, expected)
    loss.backward()
    assert attributions.grad.isfinite().all()
    assert not attributions.grad[1].any()
    assert attribution_prior_loss(0 * attributions, "image_gini").item() == 0
