"""Softmax at the end of a network, and attention."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import nn

from tests.oracles.deeplift_nets import (
    RULES,
    Calls,
    chain,
    randn,
    randomized,
)
from xgradient.deeplift import (
    SoftmaxWarning,
    UnsupportedOperationError,
    deeplift,
)


def test_a_softmax_at_the_end_is_left_out():
    model = randomized(chain(nn.ReLU()))
    inputs, baselines = randn(3, 1, 6, 6), randn(3, 1, 6, 6, seed=1)
    expected = deeplift(model, inputs, 1, baselines=baselines)
    for last in (nn.Softmax(1), nn.LogSoftmax(1)):
        with pytest.warns(SoftmaxWarning, match="logit before"):
            result = deeplift(nn.Sequential(model, last), inputs, 1, baselines=baselines)
        assert torch.equal(result, expected)


def test_a_softmax_in_the_middle_is_passed():
    model = randomized(nn.Sequential(chain(nn.ReLU()), nn.Softmax(1), nn.Linear(2, 2)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, delta = deeplift(
            model,
            randn(3, 1, 6, 6),
            1,
            baselines=randn(3, 1, 6, 6, seed=1),
            return_convergence_delta=True,
        )
    assert delta.abs().max() < 1e-14


@pytest.mark.parametrize("rule", ["rescale", "revealcancel"])
def test_a_softmax_is_passed_by_the_logarithmic_mean(rule):
    # Far more than the exponential of a difference can be: nothing overflows.
    logits, reference = 1000 * randn(4, 5), 1000 * randn(4, 5, seed=1)
    logits[0] = reference[0] + 7.0
    target = torch.tensor([3, 1, 2, 0])
    weights = randn(5, seed=2)
    model = Calls(None)
    model.forward = lambda x: torch.softmax(x, -1) * weights
    result = deeplift(model, logits, target, baselines=reference, rule=rule)
    p, p0 = logits.softmax(1), reference.softmax(1)
    change = logits.log_softmax(1) - reference.log_softmax(1)
    means = torch.where(change.abs() < 1e-9, p, (p - p0) / change)
    own = torch.nn.functional.one_hot(target, 5) * weights
    mean = (means * own).sum(1, keepdim=True) / means.sum(1, keepdim=True)
    expected = means * (own - mean) * (logits - reference)
    torch.testing.assert_close(result, expected, atol=1e-12, rtol=1e-9)
    # It does not see what is added to all logits.
    shifted = deeplift(model, logits + 900.0, target, baselines=reference + 900.0, rule=rule)
    torch.testing.assert_close(shifted, result, atol=1e-9, rtol=1e-9)


class Attending(nn.Module):
    """Attention in the module of PyTorch, with its masks."""

    def __init__(self, padded: bool, causal: bool, **options) -> None:
        super().__init__()
        self.attend = nn.MultiheadAttention(6, 2, batch_first=True, **options)
        self.last, self.padded, self.causal = nn.Linear(6, 2), padded, causal

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        keys = torch.cat([x, x.flip(1)], 1)[..., : self.attend.kdim]
        padding = torch.arange(8).expand(len(x), -1) > 5 if self.padded else None
        mask = torch.ones(4, 8, dtype=torch.bool).triu(3) if self.causal else None
        hidden, weights = self.attend(x, keys, keys, padding, attn_mask=mask)
        return self.last(hidden.sum(1) * weights.square().sum((1, 2))[:, None])


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("options", [{}, {"bias": False, "kdim": 5, "vdim": 5}])
@pytest.mark.parametrize(("padded", "causal"), [(False, False), (True, False), (True, True)])
def test_multi_head_attention(padded, causal, options, rule):
    model = randomized(Attending(padded, causal, **options))
    inputs, baselines = randn(3, 4, 6), randn(3, 4, 6, seed=1)
    result, delta = deeplift(
        model, inputs, 0, baselines=baselines, rule=rule, return_convergence_delta=True
    )
    with torch.no_grad():
        change = (model(inputs) - model(baselines))[:, 0]
    torch.testing.assert_close(result.flatten(1).sum(1), change, atol=1e-12, rtol=0)
    assert delta.abs().max() < 1e-12


def test_a_transformer_layer():
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True)
    model = randomized(nn.Sequential(layer, nn.Flatten(), nn.Linear(24, 2)))
    inputs, baselines = randn(2, 3, 8), randn(1, 3, 8, seed=1)
    result, delta = deeplift(model, inputs, 0, baselines=baselines, return_convergence_delta=True)
    assert result.abs().min() > 0
    assert delta.abs().max() < 1e-12
    layer.self_attn.batch_first = False
    with pytest.raises(UnsupportedOperationError, match="batch_first"):
        deeplift(model, inputs, 0)
