"""The checks that all parts of the library share: accepted forms, and messages."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from xgradient._inputs import (
    check_finite,
    check_images,
    check_inputs,
    check_positive_integer,
    evaluation_mode,
    usable,
    validated_baselines,
)

INPUTS = torch.arange(12, dtype=torch.float64).view(3, 4)


@pytest.mark.parametrize(
    ("baselines", "expected"),
    [
        (None, torch.zeros(1, 4)),
        (0.1, torch.full((1, 4), 0.1, dtype=torch.float64)),
        (2, torch.full((1, 4), 2)),
        (np.float32(0.5), torch.full((1, 4), 0.5)),
        (torch.tensor([0, 1, 2, 3]), torch.arange(4).view(1, 4)),
        (torch.arange(3).view(3, 1), torch.arange(3).view(3, 1).expand(3, 4)),
    ],
)
def test_baselines_get_shape_and_type_of_the_inputs(baselines, expected):
    validated = validated_baselines(baselines, INPUTS)
    assert torch.equal(validated, expected.double())
    assert validated.dtype == torch.float64


@pytest.mark.parametrize("baselines", [True, "zero", [0.0], np.zeros(4)])
def test_baselines_of_other_types_are_refused(baselines):
    kind = type(baselines).__name__
    with pytest.raises(TypeError, match=f"baselines must be None.*Tensor, got {kind}"):
        validated_baselines(baselines, INPUTS)


def test_every_image_that_is_not_finite_is_named():
    finite = torch.tensor([True, False, True, False])
    with pytest.raises(ValueError, match=r"images\[1\] \(images concerned: \[1, 3\]\)"):
        check_finite(finite, "images")
    with pytest.raises(ValueError, match=r"images\[1\]$"):
        check_finite(finite[:3], "images")
    check_finite(finite[:1], "images")


def test_images_have_four_dimensions_and_may_be_none():
    check_images(torch.zeros(0, 1, 2, 2))
    with pytest.raises(ValueError, match=r"maps must have shape \(N, C, H, W\), got \(3, 4\)"):
        check_images(INPUTS, "maps")
    with pytest.raises(ValueError, match=r"non-empty batch .*, got \(0, 1, 2, 2\)"):
        check_inputs(torch.zeros(0, 1, 2, 2))


@pytest.mark.parametrize("value", [0, -3])
def test_a_count_below_one_is_refused(value):
    with pytest.raises(ValueError, match=f"n_steps must be at least 1, got {value}"):
        check_positive_integer("n_steps", value)
    check_positive_integer("n_steps", np.int32(1))


def test_tensors_of_inference_mode_are_copied_and_others_are_not():
    with torch.inference_mode():
        made = INPUTS + 0
    assert torch.equal(usable(made), INPUTS)
    assert not usable(made).is_inference()
    assert usable(INPUTS) is INPUTS


def test_evaluation_mode_restores_the_mode_of_every_module():
    net = nn.Sequential(nn.Dropout(), nn.Sequential(nn.Dropout(), nn.ReLU()))
    net[1].eval()
    with pytest.raises(ArithmeticError), evaluation_mode(net):
        assert not any(module.training for module in net.modules())
        raise ArithmeticError
    assert [module.training for module in net.modules()] == [True, True, False, False, False]
