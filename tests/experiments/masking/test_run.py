"""The masking experiment in shards: the number of shards changes nothing, to the last bit."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from experiments.attributed_images import attribute_blocks
from experiments.data.network_images import NetworkImages
from experiments.masking.merging import image_areas, mean_curves, merge_scores
from experiments.masking.run import blurred, score_blocks
from experiments.masking.summary import summarise
from experiments.shards import blocks_of, shard_of
from tests.experiments.helpers import attributions
from tests.experiments.pixels import network_images, random_images
from xgradient.masking import area_under_curve, blur, blur_size_for, masking_curves

METHODS = [
    "ig",
    "random",
    "gradient",
    "expected_gradients",
    "input_x_gradient",
    "x_gradient",
    "guided_backprop",
]
SETTINGS = {
    "fractions": {"minimum": 0.01, "maximum": 1.0, "count": 4},
    "kernel_size": None,
    "sigma": None,
    "masked_batch_size": 10,
    "insertion_deletion": 16,
}
N_IMAGES, BATCH_SIZE = 23, 4


@pytest.fixture(scope="module")
def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, bias=False),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Dropout(0.5),
        nn.Flatten(),
        nn.Linear(128, 16, bias=False),
        nn.ReLU(),
        nn.Linear(16, 3, bias=False),
    )


@pytest.fixture(scope="module")
def data() -> NetworkImages:
    return random_images(N_IMAGES, seed=1)


@pytest.fixture(scope="module")
def training_data() -> NetworkImages:
    return random_images(40, seed=2)


def run(net, data, training_data, n_shards, methods=METHODS, settings=SETTINGS, seed=5):
    """Do what the scripts do: every shard by itself, with a used-up global generator."""
    shards = []
    calls = attributions(*methods, n_steps=6)
    for shard in range(1, n_shards + 1):
        torch.manual_seed(shard)
        blocks = shard_of(blocks_of(range(len(data)), BATCH_SIZE), f"{shard}-of-{n_shards}")
        means = attribute_blocks(net, data, training_data, blocks, calls, seed)
        shards.append(score_blocks(net, data, means, blocks, settings))
    return merge_scores(shards)


def tables(merged) -> list[str]:
    areas = image_areas(merged, range(N_IMAGES))
    summary = summarise(areas, resamples=50, confidence=0.95, seed=3)
    return [frame.to_csv(index=False) for frame in (areas, mean_curves(merged), summary)]


def test_tables_are_the_same_bits_for_any_number_of_shards(net, data, training_data):
    # Of nine shards three have nothing to do.
    one, two, five, nine = (tables(run(net, data, training_data, n)) for n in (1, 2, 5, 9))
    assert one == two == five == nine


def test_draws_belong_to_the_image_and_the_seed_alone(net, data, training_data):
    def drawn(blocks, seed=5, net=net):
        calls = attributions("random", "expected_gradients")
        return attribute_blocks(net, data, training_data, blocks, calls, seed)

    together, reversed_ = drawn([range(6)]), drawn([[5, 4], [3, 2, 1, 0]])
    other_seed = drawn([range(6)], seed=6)
    for method, means in together.items():
        assert torch.equal(means, reversed_[method].flip(0))
        assert not torch.equal(means, other_seed[method])
        # No two images share their draws.
        assert len({mean.sum().item() for mean in means}) == 6
    assert together["random"].abs().max() < 0.5


def test_references_of_expected_gradients_are_training_images(net, data):
    """With the image itself as the only training image nothing is left to attribute."""
    for index in (0, 3):
        only = network_images(data.pixels([index]), data.labels[index : index + 1])
        calls = attributions("expected_gradients")
        means = attribute_blocks(net, data, only, [[0, 3]], calls, 5)
        zero = [not mean.any() for mean in means["expected_gradients"]]
        assert zero == [index == 0, index == 3]


def test_precision_changes_rounding_and_no_draw(net, data, training_data):
    """In float64 XG and IG agree to the last digit of float32, which ranks the smallest alike."""

    calls = attributions(*METHODS, n_steps=8, internal_batch_size=7)

    def attributed(dtype):
        return attribute_blocks(net, data, training_data, [range(6)], calls, 5, dtype)

    single, double = attributed(torch.float32), attributed(torch.float64)
    for name in ("random", "expected_gradients"):
        assert torch.equal(single[name], double[name])
    assert double["ig"].dtype == torch.float32
    for means in (double, single):
        torch.testing.assert_close(
            means["ig"], means["x_gradient"], rtol=1.3e-7 if means is double else 1e-3, atol=1e-5
        )
    exact = double["x_gradient"]
    off = {
        name: (parts["ig"] - exact).abs().max()
        for name, parts in (("single", single), ("double", double))
    }
    assert off["double"] < off["single"] / 2


def test_areas_are_those_of_the_library_with_kam_and_ram_in_percent(net, data, training_data):
    blocks = blocks_of(range(len(data)), BATCH_SIZE)
    means = attribute_blocks(net, data, training_data, blocks, attributions("gradient"), 5)
    merged = merge_scores([score_blocks(net, data, means, blocks, SETTINGS)])
    inputs, labels = data.__getitems__(range(len(data)))
    fractions = [0.01, 0.01 ** (2 / 3), 0.01 ** (1 / 3), 1.0]
    curves = masking_curves(net, inputs, labels, means["gradient"], fractions)
    areas = image_areas(merged, range(N_IMAGES))
    expected = curves.areas()
    for name in ("KPM", "KNM", "RPM", "RNM"):
        torch.testing.assert_close(torch.tensor(areas[name].values), expected[name])
    for name in ("KAM", "RAM"):
        torch.testing.assert_close(torch.tensor(areas[name].values), 100 * expected[name])
    assert list(areas["image"]) == list(range(len(data)))
    # The area of the mean curve is the mean of the areas.
    for name, rows in mean_curves(merged).groupby("curve"):
        area = area_under_curve(torch.tensor(rows["score"].values), rows["fraction"].to_list())
        assert area.item() == pytest.approx(areas[name].mean(), rel=1e-6, abs=1e-9)


def test_x_gradient_gets_the_scores_of_input_x_gradient_and_others_their_own(
    net, data, training_data
):
    merged = run(net, data, training_data, 1)
    logits = {method: curves.target_logit for method, (curves, _) in merged.items()}
    assert torch.equal(logits["x_gradient"], logits["input_x_gradient"])
    for method in set(METHODS) - {"ig", "x_gradient", "input_x_gradient"}:
        assert not torch.equal(logits[method], logits["x_gradient"])
    torch.testing.assert_close(logits["ig"], logits["x_gradient"], atol=1e-4, rtol=1e-4)


def test_insertion_and_deletion_can_be_left_out(net, data, training_data):
    settings = SETTINGS | {"insertion_deletion": None}
    merged = run(net, data, training_data, 2, ["gradient"], settings)
    summary = summarise(image_areas(merged, range(N_IMAGES)), 20, 0.95, 0)
    assert not [name for name in summary if "insertion" in name or "deletion" in name]
    assert set(mean_curves(merged)["curve"]) == {"KPM", "KNM", "KAM", "RPM", "RNM", "RAM"}


def test_blur_is_scaled_with_the_side_unless_it_is_given():
    inputs = torch.randn(2, 1, 20, 30)
    size, sigma = blur_size_for(20)
    assert torch.equal(blurred(inputs, None, None)[1:], blur(inputs[1:], size, sigma))
    assert torch.equal(blurred(inputs, 7, None)[1:], blur(inputs[1:], 7, sigma))
    assert torch.equal(blurred(inputs, None, 2.0)[1:], blur(inputs[1:], size, 2.0))
