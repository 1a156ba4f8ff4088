"""Arguments that do not fit are refused by name."""

from __future__ import annotations

import numpy as np
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
        ({"target": None}, "the net has 5 outputs, got None"),
        ({"target": (1, 2)}, "one class index per image, got 2"),
        ({"target": lambda out: out[:, 0]}, "got a function"),
        ({"target": torch.eye(2, 5) * 2}, "one-hot code"),
        ({"target": torch.ones(2, 5)}, "one-hot code"),
        ({"model": lambda x: small_net()(x)[:, 0]}, r"\(\d+, K\), got \(\d+,\)"),
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


@pytest.mark.parametrize("evaluate", [masking_curves, insertion_deletion])
@pytest.mark.parametrize(
    "target", [[3, 1], np.array([3, 1]), torch.eye(5)[[3, 1]], [(3,), (1,)], [np.int64(3), 1]]
)
def test_forms_of_a_target(evaluate, target):
    inputs, _, attributions = images(2)
    net = small_net()
    expected = evaluate(net, inputs, torch.tensor([3, 1]), attributions)
    for ours, theirs in zip(
        vars(evaluate(net, inputs, target, attributions)).values(),
        vars(expected).values(),
        strict=True,
    ):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("evaluate", [masking_curves, insertion_deletion])
def test_further_arguments_and_outputs_within_something_else(evaluate):
    inputs, target, attributions = images(3)
    net = small_net()
    factors = torch.tensor([1.0, 2.0, 4.0], dtype=inputs.dtype)

    def wrapped(x: torch.Tensor, factor: torch.Tensor) -> dict:
        return {"logits": net(x) * factor[:, None]}

    result = evaluate(
        wrapped,
        inputs,
        target,
        attributions,
        additional_forward_args=factors,
        output=lambda returned: returned["logits"],
    )
    for image, factor in enumerate(factors):
        rows = slice(image, image + 1)
        alone = evaluate(
            lambda x, factor=factor: net(x) * factor,
            inputs[rows],
            target[rows],
            attributions[rows],
        )
        for ours, theirs in zip(
            list(vars(result).values())[1:], list(vars(alone).values())[1:], strict=True
        ):
            torch.testing.assert_close(ours[rows], theirs)


@pytest.mark.parametrize("shape", [(), (1,)])
def test_a_net_with_one_output_needs_no_target(shape):
    inputs, _, attributions = images(2)
    net = small_net()
    expected = masking_curves(net, inputs, 1, attributions)

    def only(x: torch.Tensor) -> torch.Tensor:
        return net(x)[:, 1].view(len(x), *shape)

    result = masking_curves(only, inputs, None, attributions)
    assert torch.equal(result.target_logit, expected.target_logit)
    assert result.correct.all()
    with pytest.raises(ValueError, match="a net with one output: use masking_curves"):
        insertion_deletion(only, inputs, None, attributions)
