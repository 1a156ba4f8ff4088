"""Arguments that do not fit are refused by name."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.oracles.masking_nets import Recorder, images, small_net
from xgradient.masking import (
    area_under_curve,
    insertion_deletion,
    kept_pixels,
    masking_curves,
)


@pytest.mark.parametrize("evaluate", [masking_curves, insertion_deletion])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_an_attribution_without_order_names_the_image(evaluate, value):
    inputs, target, attributions = images(4)
    attributions[2, 1, 3, 3] = value
    recorder = Recorder(small_net())
    with pytest.raises(ValueError, match=r"attributions must be finite.*attributions\[2\]"):
        evaluate(recorder, inputs, target, attributions, batch_size=2)
    assert recorder.batch_sizes == []
    with pytest.raises(ValueError, match=r"attributions\[2\]"):
        kept_pixels(attributions, "KPM", 0.5)


@pytest.mark.parametrize("evaluate", [masking_curves, insertion_deletion])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"inputs": torch.zeros(2, 12)}, "inputs must have shape"),
        (
            {"target": torch.zeros(3, dtype=torch.int64)},
            r"target must have shape \(2,\)",
        ),
        ({"target": torch.zeros(2)}, "got torch.float32"),
        (
            {"target": torch.tensor([0, 5])},
            r"\[0, 5\).*target\[1\] = 5",
        ),
        ({"target": torch.tensor([-1, 0])}, r"target\[0\] = -1"),
        ({"attributions": torch.zeros(2, 2, 12, 12)}, r"attributions must have the shape"),
        ({"attributions": torch.zeros(1, 3, 12, 12)}, r"attributions must have the shape"),
        ({"fractions": [0.5, 0.1]}, "fractions must increase"),
        ({"fractions": [0.5, 1.5]}, "fractions must increase"),
        ({"fractions": [float("nan")]}, "fractions must increase"),
        ({"fractions": []}, "fractions must increase"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"model": nn.Identity()}, r"logits of shape \(\d+, K\), got \(\d+, 3, 12, 12\)"),
    ],
)
def test_arguments_that_do_not_fit_are_named(evaluate, change, message):
    inputs, target, attributions = images(2)
    arguments = {
        "model": small_net(),
        "inputs": inputs,
        "target": target,
        "attributions": attributions,
        **change,
    }
    with pytest.raises((ValueError, TypeError), match=message):
        evaluate(**arguments)


def test_a_replacement_that_does_not_broadcast_is_named():
    inputs, target, attributions = images(2)
    with pytest.raises(ValueError, match=r"replacement.*got \(2, 3, 5, 5\)"):
        masking_curves(
            small_net(), inputs, target, attributions, replacement=torch.zeros(2, 3, 5, 5)
        )
    with pytest.raises(ValueError, match=r"must broadcast.*got \(7, 1, 1, 1\)"):
        insertion_deletion(
            small_net(), inputs, target, attributions, deletion_end=torch.zeros(7, 1, 1, 1)
        )


def test_unknown_curve_and_unequal_axes_are_named():
    with pytest.raises(ValueError, match=r"KPM.*got 'XPM'"):
        kept_pixels(torch.zeros(1, 1, 2, 2), "XPM", 0.5)
    with pytest.raises(ValueError, match="fractions"):
        kept_pixels(torch.zeros(1, 1, 2, 2), "KPM", 1.5)
    inputs, target, attributions = images(1)
    curves = masking_curves(small_net(), inputs, target, attributions)
    with pytest.raises(ValueError, match="got 'kpm'"):
        curves.score("kpm")
    with pytest.raises(ValueError, match=r"\(3, 5\).*\(4,\)"):
        area_under_curve(torch.zeros(3, 5), [0.1, 0.2, 0.3, 0.4])
