"""Attributions from baselines: closed forms, Captum, brute force, and any number of shards."""

from __future__ import annotations

import dataclasses
import math
from itertools import product

import numpy as np
import pandas as pd
import pytest
import torch
from captum.attr import IntegratedGradients
from torch import nn

from experiments.baselines import names
from experiments.baselines.names import BASELINES
from experiments.baselines.run import (
    COLUMNS,
    REPLACED,
    attribute,
    distances,
    example_maps,
    measure,
    starts_of,
)
from experiments.baselines.starts import Sources
from experiments.baselines.summary import summarise, summarise_replacements
from experiments.config import check_config
from experiments.shards import blocks_of, shard_of
from tests.experiments.pixels import random_images
from xgradient.masking import masking_curves

KEYS = list(BASELINES)
SETTINGS = {
    "compared": KEYS,
    "n_images": 7,
    "replacement_images": 3,
    "n_steps": 5,
    "internal_batch_size": 6,
    "mean_images": None,
    "kernel_size": 5,
    "sigma": 2.0,
    "masked_batch_size": 10,
    "fractions": {"minimum": 0.05, "maximum": 1.0, "count": 4},
}
BOOTSTRAP = {"resamples": 50, "confidence": 0.95, "seed": 3}
IMAGES, TRAINING = random_images(9, seed=1), random_images(30, seed=2)


def net(bias: bool = False) -> nn.Module:
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 4, 3, bias=bias), nn.ReLU(), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(4 * 8 * 8, 3, bias=bias)).eval()


class Squares(nn.Module):
    """Three weighted sums of the squares of all values."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.weight = nn.Parameter(torch.randn(300, 3))

    def forward(self, images):
        return images.flatten(1).square() @ self.weight


def inputs_of(chosen=(0, 4, 5)):
    inputs, labels = IMAGES.__getitems__(chosen)
    return inputs.double(), labels


def sources(seed=0, **settings):
    return Sources(TRAINING, {**SETTINGS, **settings}, seed)


def attributed(model, key, chosen=(0, 4, 5), seed=0, **settings):
    settings = {**SETTINGS, **settings}
    return attribute(model.double(), key, *inputs_of(chosen), chosen, sources(seed), settings)


def measured(model, shards=1, dtype=torch.float64, chosen=range(7), **settings):
    settings = {**SETTINGS, **settings}
    rows, replaced = [], []
    for number in range(1, shards + 1):
        blocks = shard_of(blocks_of(chosen, 3), f"{number}-of-{shards}")
        found = measure(model, IMAGES, blocks, sources(), settings, dtype, lambda items, _: items)
        rows += found[0]
        replaced += found[1]
    columns = list(COLUMNS), list(REPLACED)
    return tuple(
        pd.DataFrame(part, columns=names)
        for part, names in zip((rows, replaced), columns, strict=True)
    )


@pytest.fixture(scope="module")
def without_biases():
    return measured(net())


@pytest.fixture(scope="module")
def with_biases():
    return measured(net(bias=True))


@pytest.mark.parametrize("key", KEYS)
def test_of_a_linear_net_an_attribution_is_weight_times_difference(key):
    linear = nn.Sequential(nn.Flatten(), nn.Linear(300, 3))
    inputs, labels = inputs_of()
    found = attributed(linear, key)
    starts = starts_of(key, inputs, (0, 4, 5), sources())
    if BASELINES[key].averaged:
        starts = starts.mean(1)
    weights = linear[1].weight[labels].view_as(inputs)
    torch.testing.assert_close(found.maps, weights * (inputs - starts))
    change = (linear(inputs) - linear(starts.expand_as(inputs)))[range(3), labels]
    torch.testing.assert_close(found.maps.flatten(1).sum(1), change)
    score = linear(inputs)[range(3), labels] - change
    torch.testing.assert_close(found.scores.expand(3), score)


@pytest.mark.parametrize("key", [key for key in KEYS if not BASELINES[key].averaged])
def test_of_squares_an_attribution_is_a_difference_of_squares(key):
    """The integral of ``2 w (b + t (x - b)) (x - b)`` over t is ``w (x² - b²)``."""
    squares = Squares()
    inputs, labels = inputs_of()
    found = attributed(squares, key)
    weights = squares.weight.T[labels].view_as(inputs)
    expected = weights * (inputs.square() - found.starts.square())
    torch.testing.assert_close(found.maps, expected)


def test_expected_gradients_of_squares_are_their_mean_over_references():
    """The expectation over places and references; 400 of them miss it by a few percent."""
    squares = Squares()
    inputs, labels = inputs_of()
    found = attribute(
        squares.double(),
        "expected_gradients",
        inputs,
        labels,
        (0, 4, 5),
        sources(n_steps=400),
        SETTINGS,
    )
    references = TRAINING.__getitems__(range(30))[0].double()
    weights = squares.weight.T[labels].view_as(inputs)
    expected = weights * (inputs.square() - references.square().mean(0))
    error = (found.maps - expected).abs().mean() / expected.abs().mean()
    assert 0.001 < error < 0.15


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("key", ["black", "training_mean", "uniform_noise"])
def test_attributions_are_those_of_captum(key, bias):
    model = net(bias).double()
    inputs, labels = inputs_of()
    found = attributed(model, key, n_steps=16)
    starts = found.starts.expand_as(inputs)
    theirs = IntegratedGradients(model).attribute(
        inputs, starts, target=labels, n_steps=16, method="gausslegendre"
    )
    torch.testing.assert_close(found.maps, theirs)


def test_draws_do_not_depend_on_the_other_images_and_not_on_the_rows_of_a_pass():
    maps = attributed(net(), "expected_gradients").maps
    alone = attributed(net(), "expected_gradients", chosen=(4,)).maps
    torch.testing.assert_close(alone, maps[1:2])
    few = attributed(net(), "expected_gradients", internal_batch_size=1).maps
    assert torch.equal(few, maps)
    other = attributed(net(), "expected_gradients", seed=1).maps
    assert (other - maps).abs().max() > 1e-3


def test_distances_by_brute_force():
    torch.manual_seed(0)
    first, second = torch.randn(2, 1, 3, 6, 6, dtype=torch.float64)
    found = distances(first, second)
    a, b = (values.numpy().ravel() for values in (first, second))
    assert found["relative_percent"] == pytest.approx(
        100 * np.abs(a - b).sum() / np.abs(a).sum(), rel=1e-6
    )
    assert found["cosine"] == pytest.approx(a @ b / math.sqrt((a @ a) * (b @ b)))
    means = [values.mean((0, 1)).flatten().numpy() for values in (first, second)]
    ranks = [np.argsort(np.argsort(values)) for values in means]
    assert found["rank_correlation"] == pytest.approx(np.corrcoef(*ranks)[0, 1])
    same = distances(first, 2 * first)
    assert same["relative_percent"] == pytest.approx(100)
    assert (same["cosine"], same["rank_correlation"]) == pytest.approx((1, 1))


def test_an_attribution_that_is_zero_has_no_direction():
    found = distances(torch.ones(1, 1, 2, 2), torch.zeros(1, 1, 2, 2))
    assert found["relative_percent"] == pytest.approx(100)
    assert (found["cosine"], found["rank_correlation"]) == (0.0, 0.0)


def test_on_an_x_net_one_gradient_is_enough_from_zero_alone(without_biases, with_biases):
    table = summarise(without_biases[0], **BOOTSTRAP).set_index("baseline")
    assert table.loc["zero", "closed_form_percent"] < 1e-10
    assert (table.loc[KEYS[1:], "closed_form_percent"] > 1).all()
    # With biases it is not even then.
    table = summarise(with_biases[0], **BOOTSTRAP).set_index("baseline")
    assert (table["closed_form_percent"] > 0.1).all()


def test_the_closed_form_of_squares_is_off_by_the_square_of_the_difference():
    """``2 w x (x - b)`` instead of ``w (x² - b²)``: the difference is ``w (x - b)²``."""
    squares = Squares()
    rows = measured(squares, chosen=[2], compared=["zero", "white"])[0].set_index("baseline")
    inputs, labels = inputs_of([2])
    weights = squares.weight.T[labels].double().view_as(inputs).abs()
    for key in ("zero", "white"):
        start = starts_of(key, inputs, [2], sources())
        ratio = (weights * (inputs - start).square()).sum()
        ratio = ratio / (weights * (inputs.square() - start.square()).abs()).sum()
        found = rows.loc[key, "closed_form_percent"]
        assert found == pytest.approx(100 * ratio.item(), rel=1e-5)


def test_rows_are_complete_and_compare_with_zero(with_biases):
    rows, replaced = with_biases
    assert {*zip(rows["image"], rows["baseline"], strict=True)} == {*product(range(7), KEYS)}
    assert len(rows) == 7 * len(KEYS) and not rows.isna().any(axis=None)
    zero = rows[rows["baseline"] == "zero"]
    assert (zero["relative_percent"] == 0).all()
    assert zero["rank_correlation"].tolist() == pytest.approx([1.0] * 7)
    others = rows[rows["baseline"] != "zero"]
    assert (others["relative_percent"] > 1).all()
    # IG almost keeps the sum, the few draws of EG do not.
    ig = rows["baseline"] != "expected_gradients"
    assert (rows.loc[ig, "completeness_percent"] < 10).all()
    assert (
        rows.loc[~ig, "completeness_percent"].mean() > rows.loc[ig, "completeness_percent"].mean()
    )
    # Only the first images of the experiment, and no replacement by many images.
    assert set(replaced["image"]) == {0, 1, 2}
    assert set(replaced["replacement"]) == set(KEYS) - {"expected_gradients"}
    assert len(replaced) == 3 * len(KEYS) * (len(KEYS) - 1)


def test_masks_become_the_baseline():
    """The areas again, from the library and the baselines in one batch."""
    model = net(bias=True)
    replaced = measured(model, dtype=torch.float32)[1]
    inputs, labels = IMAGES.__getitems__([0, 1, 2])
    fractions = torch.from_numpy(np.geomspace(0.05, 1.0, 4))
    maps = {
        key: attribute(model, key, inputs, labels, [0, 1, 2], sources(), SETTINGS).maps
        for key in ("zero", "white")
    }
    for replacement in ("zero", "black", "uniform_noise"):
        pixels = starts_of(replacement, inputs, [0, 1, 2], sources()).expand_as(inputs).contiguous()
        for key, values in maps.items():
            areas = masking_curves(model, inputs, labels, values, fractions, pixels).areas()
            own = replaced[(replaced["replacement"] == replacement) & (replaced["baseline"] == key)]
            for name in ("KPM", "KNM"):
                assert own[name].tolist() == pytest.approx(areas[name].tolist(), abs=1e-4)


def test_the_blurred_replacement_gives_the_masking_metrics_of_the_table(with_biases):
    rows, replaced = with_biases
    blurred = replaced[replaced["replacement"] == "blurred"].set_index(["baseline", "image"])
    first = rows[rows["image"] < 3].set_index(["baseline", "image"])
    for name in ("KPM", "KNM", "KAM", "RAM", "RPM", "RNM"):
        assert blurred[name].to_dict() == pytest.approx(first[name].to_dict(), abs=1e-5)


def test_shards_change_nothing_to_the_last_bit(without_biases):
    # Of five shards two have nothing to do.
    shared = measured(net(), shards=5)
    assert all(part.equals(one) for part, one in zip(shared, without_biases, strict=True))


def test_a_summary_has_means_and_paired_differences(with_biases):
    rows = with_biases[0]
    table = summarise(rows, **BOOTSTRAP).set_index("baseline")
    assert list(table.index) == KEYS and (table["n_images"] == 7).all()
    for key in KEYS:
        own = rows[rows["baseline"] == key].set_index("image")
        zero = rows[rows["baseline"] == "zero"].set_index("image")
        for name in ("relative_percent", "cosine", "rank_correlation", "KPM", "RNM"):
            assert table.loc[key, name] == pytest.approx(own[name].mean())
        change = own["KNM"] - zero["KNM"]
        low, high = table.loc[key, "KNM_change_low"], table.loc[key, "KNM_change_high"]
        assert table.loc[key, "KNM_change"] == pytest.approx(change.mean())
        assert change.min() - 1e-12 <= low <= change.mean() + 1e-12
        assert change.mean() - 1e-12 <= high <= change.max() + 1e-12
    changes = [name for name in table if "_change" in name]
    assert len(changes) == 12 and (table.loc["zero", changes] == 0).all()


def test_the_summary_of_replacements_knows_the_own_baseline(without_biases):
    replaced = without_biases[1]
    table = summarise_replacements(replaced, **BOOTSTRAP)
    assert len(table) == len(KEYS) * (len(KEYS) - 1) and (table["n_images"] == 3).all()
    own = table[table["own"] == 1]
    assert (own["replacement"] == own["baseline"]).all() and len(own) == len(KEYS) - 1
    row = table[(table["replacement"] == "black") & (table["baseline"] == "white")].iloc[0]
    chosen = (replaced["replacement"] == "black") & (replaced["baseline"] == "white")
    assert row["KPM"] == pytest.approx(replaced.loc[chosen, "KPM"].mean())
    assert row["KPM_low"] <= row["KPM"] <= row["KPM_high"]


def test_examples_show_start_and_attribution():
    maps = example_maps(net(), IMAGES, [0, 4], sources(), SETTINGS, torch.float64)
    assert set(maps) == {"image"} | {f"{kind}/{key}" for kind in ("start", "map") for key in KEYS}
    assert (maps["start/black"] == 0).all() and (maps["start/white"] == 1).all()
    torch.testing.assert_close(maps["image"], IMAGES.pixels([0, 4]) / 255)
    drawn = starts_of("expected_gradients", inputs_of((0, 4))[0], (0, 4), sources())
    shown = IMAGES.preprocessing.denormalise(drawn[:, 0].float())
    torch.testing.assert_close(maps["start/expected_gradients"], shown)
    expected = attributed(net(), "blurred", chosen=(0, 4)).maps.mean(1).float()
    torch.testing.assert_close(maps["map/blurred"], expected)
    assert example_maps(net(), IMAGES, [], sources(), SETTINGS, torch.float64) == {}


def half_grey(inputs, images, sources):
    return torch.full_like(inputs[:1], 0.5)


def test_a_new_baseline_is_one_entry(monkeypatch):
    entry = dataclasses.replace(BASELINES["zero"], name="half", function="experiments.x:half")
    monkeypatch.setattr(names, "BASELINES", BASELINES | {"half": entry}, raising=True)
    monkeypatch.setattr("experiments.baselines.run.BASELINES", names.BASELINES)
    monkeypatch.setattr("experiments.baselines.config.BASELINES", names.BASELINES)
    monkeypatch.setattr(
        "experiments.baselines.run.import_named",
        lambda path: half_grey if path == entry.function else pytest.fail(path),
    )
    found = attributed(net(), "half")
    assert (found.starts == 0.5).all()
    config = check_config({"baselines": {"compared": ["zero", "half"]}})
    assert config.baselines.compared == ("zero", "half")
