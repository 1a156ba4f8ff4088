"""The six masking curves against a literal version."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torch import nn

from tests.oracles import masking as reference
from tests.oracles.masking_nets import PixelCode, Recorder, images, small_net
from xgradient.masking import (
    CURVES,
    blur,
    blur_size_for,
    channel_mean,
    insertion_deletion,
    masking_curves,
)

PUBLISHED_FRACTIONS = [float(f) for f in np.geomspace(0.01, 1, 16)]


TIED = st.sampled_from([-2.0, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 2.0])


FRACTIONS = st.lists(st.floats(0, 1), min_size=1, max_size=5, unique=True).map(sorted)


def test_default_fractions_are_the_published_ones():
    inputs, target, attributions = images(1)
    curves = masking_curves(small_net(), inputs, target, attributions)
    assert curves.fractions.tolist() == PUBLISHED_FRACTIONS
    assert curves.fractions[0] == 0.01 and curves.fractions[-1] == 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_scores_agree_with_the_reference(dtype):
    net = small_net(dtype)
    inputs, target, attributions = images(2, dtype=dtype)
    attributions[1] = attributions[1].round()  # many ties and zeros
    curves = masking_curves(net, inputs, target, attributions, batch_size=13)
    size = blur_size_for(12)
    replacement = torch.stack([torch.from_numpy(reference.blur(x.numpy(), *size)) for x in inputs])
    target_logit, correct = reference.masking_curves(
        net.eval(), inputs, target, attributions, PUBLISHED_FRACTIONS, replacement
    )
    tolerance = 1e-5 if dtype == torch.float32 else 1e-12
    torch.testing.assert_close(curves.target_logit, target_logit, atol=tolerance, rtol=0)
    assert torch.equal(curves.correct, correct)
    for c, curve in enumerate(CURVES):
        official = correct if curve.endswith("AM") else target_logit
        mean_curve = official[:, c].double().mean(0)
        torch.testing.assert_close(
            curves.areas()[curve].mean().item(),
            float(np.trapezoid(mean_curve, PUBLISHED_FRACTIONS)),
            atol=tolerance,
            rtol=0,
        )


def test_channel_mean_is_all_that_matters():
    inputs, target, attributions = images(2)
    full = masking_curves(small_net(), inputs, target, attributions)
    averaged = masking_curves(small_net(), inputs, target, channel_mean(attributions))
    assert torch.equal(full.target_logit, averaged.target_logit)
    torch.testing.assert_close(channel_mean(attributions), attributions.mean(1, keepdim=True))


@pytest.mark.parametrize("cuts", [[0, 5], [0, 1, 5], [0, 2, 3, 5], [0, 1, 2, 3, 4, 5]])
def test_shards_concatenate_to_the_whole_bit_by_bit(cuts):
    net = small_net()
    inputs, target, attributions = images(5)
    whole = masking_curves(net, inputs, target, attributions, batch_size=16)
    shards = [
        masking_curves(net, inputs[a:b], target[a:b], attributions[a:b], batch_size=16)
        for a, b in itertools.pairwise(cuts)
    ]
    assert torch.equal(torch.cat([s.target_logit for s in shards]), whole.target_logit)
    assert torch.equal(torch.cat([s.correct for s in shards]), whole.correct)


def test_batch_size_changes_only_rounding():
    net = small_net(torch.float64)
    inputs, target, attributions = images(3, dtype=torch.float64)
    one = masking_curves(net, inputs, target, attributions, batch_size=1)
    for batch_size in (2, 32, 1000):
        other = masking_curves(net, inputs, target, attributions, batch_size=batch_size)
        torch.testing.assert_close(one.target_logit, other.target_logit, atol=1e-12, rtol=0)
        assert torch.equal(one.correct, other.correct)


def test_an_empty_shard_has_empty_curves():
    inputs, target, attributions = images(1)
    curves = masking_curves(small_net(), inputs[:0], target[:0], attributions[:0])
    assert curves.target_logit.shape == curves.correct.shape == (0, 6, 16)


@settings(max_examples=30, deadline=None)
@given(
    mean=arrays.arrays(np.float64, (1, 1, 5, 6), elements=TIED),
    fractions=FRACTIONS,
)
def test_equal_masks_are_evaluated_once(mean, fractions):
    """No mask is evaluated twice for one signal; equal masks of two signals may be."""
    recorder = Recorder(PixelCode(30))
    inputs = torch.ones(1, 1, 5, 6, dtype=torch.float64)
    zeros = torch.zeros(())
    masking_curves(recorder, inputs, torch.tensor([0]), torch.from_numpy(mean), fractions, zeros)
    means = reference.channel_mean(mean[0])
    masks = {
        (curve[1], frozenset(reference.kept_pixels(means, curve, fraction)))
        for curve in CURVES
        for fraction in fractions
    }
    anything_kept = {(signal, kept) for signal, kept in masks if kept}
    nothing_kept = len(masks) > len(anything_kept)
    evaluated = sum(recorder.batch_sizes)
    assert len({kept for _, kept in masks}) <= evaluated <= len(anything_kept) + nothing_kept


@pytest.mark.parametrize("sign", [1, -1])
def test_absolute_curves_are_shared_where_all_pixels_have_one_sign(sign):
    recorder = Recorder(PixelCode(30))
    mean = sign * torch.arange(1.0, 31.0).view(1, 1, 5, 6)
    inputs = torch.ones(1, 1, 5, 6, dtype=torch.float64)
    masking_curves(recorder, inputs, torch.tensor([0]), mean, [0.1, 0.5, 1.0], torch.zeros(()))
    # two fractions kept, two removed, everything and nothing
    assert sum(recorder.batch_sizes) == 6


def test_runs_in_evaluation_mode_without_gradients_in_bounded_batches():
    net = small_net().train()
    net[1].eval()
    modes = [module.training for module in net.modules()]
    statistics = net[1].running_mean.clone()
    recorder = Recorder(net)
    inputs, target, attributions = images(3)
    curves = masking_curves(
        recorder,
        inputs.requires_grad_(),
        target,
        attributions.requires_grad_(),
        batch_size=10,
    )
    insertion_deletion(recorder, inputs, target, attributions, batch_size=10)
    assert recorder.modes == {(False, False)}
    assert max(recorder.batch_sizes) <= 10
    assert [module.training for module in net.modules()] == modes
    assert recorder.training
    assert torch.equal(net[1].running_mean, statistics)
    assert not curves.target_logit.requires_grad
    assert all(parameter.grad is None for parameter in net.parameters())
    assert inputs.grad is None


def test_training_mode_is_restored_after_an_error():
    class Broken(nn.Module):
        def forward(self, inputs):
            raise RuntimeError("broken")

    model = Broken().train()
    with pytest.raises(RuntimeError, match="broken"):
        masking_curves(model, *images(1))
    assert model.training


def test_inputs_are_left_alone():
    inputs, target, attributions = images(2)
    copies = inputs.clone(), attributions.clone()
    masking_curves(nn.Sequential(nn.ReLU(inplace=True), small_net()), inputs, target, attributions)
    assert torch.equal(inputs, copies[0])
    assert torch.equal(attributions, copies[1])


def test_exact_contributions_are_optimal_for_a_linear_model():
    """For a linear net no ranking beats its true contributions, and removal is complementary."""
    generator = torch.Generator().manual_seed(3)
    inputs = torch.randn(4, 1, 6, 6, generator=generator, dtype=torch.float64)
    net = nn.Sequential(nn.Flatten(), nn.Linear(36, 1, bias=False, dtype=torch.float64))
    contributions = inputs * net[1].weight.detach().view(1, 1, 6, 6)
    target, zeros = torch.zeros(4, dtype=torch.int64), torch.zeros(())

    def areas(attributions):
        curves = masking_curves(net, inputs, target, attributions, replacement=zeros)
        return {name: area.mean() for name, area in curves.areas().items()}

    exact = areas(contributions)
    for _ in range(3):
        other = areas(torch.randn(contributions.shape, generator=generator, dtype=torch.float64))
        assert exact["KPM"] > other["KPM"]
        assert exact["KNM"] < other["KNM"]
    assert exact["KPM"] > exact["RPM"] > 0 > exact["RNM"] > exact["KNM"]


def test_a_replacement_may_be_given():
    net = small_net(torch.float64)
    inputs, target, attributions = images(2, dtype=torch.float64)
    default = masking_curves(net, inputs, target, attributions)
    given_blur = masking_curves(
        net, inputs, target, attributions, replacement=blur(inputs, *blur_size_for(12))
    )
    torch.testing.assert_close(default.target_logit, given_blur.target_logit, atol=1e-12, rtol=0)
    per_channel = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64).view(1, 3, 1, 1)
    nothing = torch.zeros_like(attributions)
    curves = masking_curves(net, inputs, target, nothing, replacement=per_channel)
    expected = net.eval()(per_channel.expand_as(inputs[:1]))[0, target].detach()
    torch.testing.assert_close(curves.target_logit, expected.view(2, 1, 1).expand(2, 6, 16))
