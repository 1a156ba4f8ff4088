"""Masking metrics against a literal reference, on random and on adversarial attributions."""

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
from xgradient.masking import (
    CURVES,
    area_under_curve,
    blur,
    blur_size_for,
    channel_mean,
    insertion_deletion,
    kept_pixels,
    masking_curves,
)

PUBLISHED_FRACTIONS = [float(f) for f in np.geomspace(0.01, 1, 16)]


class PixelCode(nn.Module):
    """Write the set of pixels that are one into a logit, exactly: pixel ``i`` counts ``2 ** i``.

    With inputs of ones and a replacement of zeros the target logit spells out which pixels a mask
    kept, through the whole evaluation (at most 52 pixels in float64).
    """

    def __init__(self, n_pixels: int) -> None:
        super().__init__()
        self.register_buffer("code", 2.0 ** torch.arange(n_pixels, dtype=torch.float64))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        code = inputs[:, 0].flatten(1) @ self.code
        return torch.stack([code, torch.full_like(code, 2.0**12)], dim=1)


class Recorder(nn.Module):
    """Pass inputs on and remember the batches and the state in which they came."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.batch_sizes: list[int] = []
        self.modes: set[tuple[bool, bool]] = set()

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        self.batch_sizes.append(len(inputs))
        self.modes.add((self.training, torch.is_grad_enabled()))
        return self.model(inputs)


def small_net(dtype: torch.dtype = torch.float32, seed: int = 0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Dropout(0.5),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Linear(32, 5),
        )
    return net.to(dtype)


def images(n: int, side: int = 12, dtype: torch.dtype = torch.float32, seed: int = 1):
    """Random inputs, targets and attributions."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(n, 3, side, side, generator=generator, dtype=dtype)
    target = torch.randint(5, (n,), generator=generator)
    attributions = torch.randn(n, 3, side, side, generator=generator, dtype=dtype)
    return inputs, target, attributions


def decode(code: float, n_pixels: int) -> set[int]:
    return {pixel for pixel in range(n_pixels) if int(code) >> pixel & 1}


def assert_kept_as_defined(attributions: torch.Tensor, fractions, batch_size: int = 7) -> None:
    """Compare the pixels kept, through the evaluation and by `kept_pixels`, with the definition."""
    n, _, height, width = attributions.shape
    n_pixels = height * width
    curves = masking_curves(
        PixelCode(n_pixels),
        torch.ones(n, 1, height, width, dtype=torch.float64),
        torch.zeros(n, dtype=torch.int64),
        channel_mean(attributions),
        fractions,
        torch.zeros(()),
        batch_size,
    )
    for image in range(n):
        means = reference.channel_mean(attributions[image].numpy())
        for c, curve in enumerate(CURVES):
            for f, fraction in enumerate(fractions):
                expected = reference.kept_pixels(means, curve, fraction)
                code = curves.target_logit[image, c, f].item()
                assert decode(code, n_pixels) == expected, (image, curve, fraction)
                assert curves.correct[image, c, f] == (code >= 2.0**12)
                kept = kept_pixels(attributions[image : image + 1], curve, fraction)
                assert set(kept.flatten().nonzero().flatten().tolist()) == expected


SHAPES = st.tuples(
    st.integers(1, 3), st.integers(1, 3), st.integers(1, 6), st.integers(1, 6)
)  # N, C, H, W
TIED = st.sampled_from([-2.0, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 2.0])
FRACTIONS = st.lists(st.floats(0, 1), min_size=1, max_size=5, unique=True).map(sorted)


@settings(max_examples=60, deadline=None)
@given(
    attributions=st.sampled_from([np.float32, np.float64]).flatmap(
        lambda dtype: arrays.arrays(
            dtype,
            SHAPES,
            elements=st.one_of(
                TIED,
                st.floats(-(2.0**100), 2.0**100, width=32),
                st.floats(-(2.0**-100), 2.0**-100, width=32),
            ),
        )
    ),
    fractions=FRACTIONS,
    batch_size=st.integers(1, 40),
)
def test_keeps_the_pixels_of_the_definition(attributions, fractions, batch_size):
    assert_kept_as_defined(torch.from_numpy(attributions), fractions, batch_size)


def adversarial() -> dict[str, torch.Tensor]:
    """Channel means of 6 x 6 pixels."""
    one_pixel, one_negative = torch.zeros(36), torch.zeros(36)
    one_pixel[17], one_negative[35] = 3.0, -1e-30
    return {
        "constant": torch.full((36,), 0.3),
        "all zero": torch.zeros(36),
        "negative zero": torch.full((36,), -0.0),
        "all negative": -torch.arange(1.0, 37.0),
        "one pixel": one_pixel,
        "one negative pixel": one_negative,
        "two values": (torch.arange(36) % 2).float() + 1,
        "equal and opposite": torch.tensor([1.0, -1.0]).repeat(18),
        "ties across every threshold": (torch.arange(36) // 5).float() - 3,
        "denormal": torch.arange(-18, 18) * 1e-42,
        "largest float": torch.tensor([3.4e38, -3.4e38, 0.0]).repeat(12),
    }


@pytest.mark.parametrize("name", adversarial())
def test_adversarial_attributions(name):
    attributions = adversarial()[name].view(1, 1, 6, 6)
    assert_kept_as_defined(attributions, PUBLISHED_FRACTIONS)


def test_wrong_sign_and_zero_are_replaced_even_at_fraction_one():
    mean = torch.tensor([[[[2.0, 0.0, -1.0]]]])
    kept = {curve: kept_pixels(mean, curve, 1.0).flatten().tolist() for curve in CURVES}
    assert kept["KPM"] == kept["RPM"] == [True, False, False]
    assert kept["KNM"] == kept["RNM"] == [False, False, True]
    assert kept["KAM"] == kept["RAM"] == [True, False, True]


def test_absolute_value_is_taken_after_the_channel_mean():
    attributions = torch.tensor([[[[3.0, 1.0]], [[-3.0, 1.0]]]])  # pixel 0 cancels over channels
    assert kept_pixels(attributions, "KAM", 1.0).flatten().tolist() == [False, True]


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


# --- replacement -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("height", "width", "kernel_size", "sigma"),
    [(9, 12, 5, 1.5), (7, 7, 13, 5.1), (2, 3, 3, 41.0), (28, 28, 7, 5.125)],
)
def test_blur_agrees_with_a_literal_double_loop(height, width, kernel_size, sigma):
    image = np.random.default_rng(0).normal(size=(2, height, width))
    expected = reference.blur(image, kernel_size, sigma)
    blurred = blur(torch.from_numpy(image)[None], kernel_size, sigma)[0]
    np.testing.assert_allclose(blurred, expected, atol=1e-13, rtol=0)


def test_blur_keeps_a_constant_image():
    image = torch.full((1, 3, 60, 80), 0.7)
    torch.testing.assert_close(blur(image), image)


def test_blur_size_scales_with_the_side():
    assert blur_size_for(224) == (51, 41.0)
    assert blur_size_for(28) == (7, 5.125)
    for side in range(2, 600):
        kernel_size, sigma = blur_size_for(side)
        assert kernel_size % 2 == 1
        assert kernel_size == 3 or abs(kernel_size - side * 51 / 224) <= 1
        assert kernel_size // 2 < side
        assert sigma == pytest.approx(side * 41 / 224)


@pytest.mark.parametrize(
    ("side", "kernel_size", "sigma", "message"),
    [
        (28, 57, 1.0, "reflects 28 pixels.*at most 55"),
        (1, 3, 1.0, "reflects 1 pixels"),
        (28, 4, 1.0, "odd"),
        (28, 1, 1.0, "at least 3"),
        (28, 3, 0.0, "sigma"),
    ],
)
def test_blur_refuses_what_it_cannot_do(side, kernel_size, sigma, message):
    with pytest.raises(ValueError, match=message):
        blur(torch.zeros(1, 3, side, side), kernel_size, sigma)


def test_the_widest_possible_kernel_works():
    assert blur(torch.ones(1, 1, 28, 30), 55, 10.0).shape == (1, 1, 28, 30)


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


# --- insertion and deletion ------------------------------------------------------------------


def test_insertion_and_deletion_agree_with_the_reference():
    net = small_net(torch.float64)
    inputs, target, attributions = images(3, dtype=torch.float64)
    attributions[1] = attributions[1].round()
    attributions[2] = 0.25
    fractions = [0.0, 0.1, 0.33, 0.9, 1.0]
    curves = insertion_deletion(net, inputs, target, attributions, fractions, batch_size=4)
    start = blur(inputs, *blur_size_for(12))
    insertion, deletion = reference.insertion_deletion(
        net.eval(), inputs, target, attributions, fractions, start, torch.zeros_like(inputs)
    )
    torch.testing.assert_close(curves.insertion, insertion, atol=1e-12, rtol=0)
    torch.testing.assert_close(curves.deletion, deletion, atol=1e-12, rtol=0)
    areas = curves.areas()
    np.testing.assert_allclose(areas["insertion"], np.trapezoid(insertion, fractions))
    np.testing.assert_allclose(areas["deletion"], np.trapezoid(deletion, fractions))


def test_insertion_and_deletion_share_the_unmasked_image():
    net = small_net(torch.float64)
    recorder = Recorder(net)
    inputs, target, attributions = images(1, dtype=torch.float64)
    curves = insertion_deletion(recorder, inputs, target, attributions)
    assert sum(recorder.batch_sizes) == 2 * 17 - 1
    clean = net.eval()(inputs).softmax(1)[0, target[0]]
    torch.testing.assert_close(curves.insertion[0, -1], clean)
    assert curves.insertion[0, -1] == curves.deletion[0, 0]
    same = insertion_deletion(
        recorder, inputs, target, attributions, insertion_start=inputs, deletion_end=inputs
    )
    torch.testing.assert_close(same.insertion, clean.expand(1, 17))
    torch.testing.assert_close(same.deletion, clean.expand(1, 17))


# --- area ------------------------------------------------------------------------------------


def test_area_is_the_trapezoid_rule_on_a_linear_axis():
    fractions = torch.tensor(PUBLISHED_FRACTIONS, dtype=torch.float64)
    assert area_under_curve(torch.ones(16), fractions).item() == pytest.approx(0.99, abs=1e-12)
    assert area_under_curve(fractions, fractions).item() == pytest.approx((1 - 0.01**2) / 2)
    scores = torch.rand(3, 2, 16, generator=torch.Generator().manual_seed(0))
    area = area_under_curve(scores, PUBLISHED_FRACTIONS)
    assert area.dtype == torch.float64
    np.testing.assert_allclose(area, np.trapezoid(scores.double(), fractions))
    assert area_under_curve(scores > 0.5, fractions).shape == (3, 2)


# --- errors ----------------------------------------------------------------------------------


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
