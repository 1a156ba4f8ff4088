"""Scores of a net on some images: from their parts, and the same in any number of shards."""

from __future__ import annotations

import copy

import pandas as pd
import pytest
import torch
from torch import nn

from experiments.shards import blocks_of, shard_of
from experiments.single_deletion.figure import plot_single_deletion
from experiments.single_deletion.run import COLUMNS, measure
from experiments.single_deletion.summary import summarise
from experiments.tables import label_rows
from tests.experiments.helpers import attributions
from tests.experiments.pixels import random_images
from xgradient.attribution import x_gradient
from xgradient.masking import deletion_effects, single_deletion_score

METHODS = ("ig", "x_gradient", "random", "expected_gradients")
N_IMAGES = 11
SETTINGS = {"grid": 3, "masked_batch_size": 5}
BOOTSTRAP = {"resamples": 50, "confidence": 0.95, "seed": 3}


@pytest.fixture(scope="module")
def nets() -> dict[str, nn.Module]:
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 4, 3, bias=False), nn.ReLU(), nn.Flatten()]
    net = nn.Sequential(*layers, nn.Linear(4 * 8 * 8, 3, bias=False))
    other = copy.deepcopy(net)
    nn.init.normal_(other[-1].weight)
    return {"original": net, "in_domain": other}


def rows_of(nets, shards, dtype=torch.float64):
    data, training = random_images(N_IMAGES, seed=1), random_images(30, seed=2)
    frames = []
    for number in range(1, shards + 1):
        blocks = shard_of(blocks_of(range(N_IMAGES), 4), f"{number}-of-{shards}")
        calls = attributions(*METHODS, n_steps=4)
        rows = measure(
            nets, data, training, blocks, calls, SETTINGS, 5, dtype, lambda items, _: items
        )
        frames.append(pd.DataFrame(rows, columns=list(COLUMNS)))
    return pd.concat([frame for frame in frames if not frame.empty], ignore_index=True)


def test_scores_are_those_of_the_library(nets):
    rows = rows_of(nets, 1)
    inputs, labels = random_images(N_IMAGES, seed=1).__getitems__(range(N_IMAGES))
    for domain, net in nets.items():
        precise = copy.deepcopy(net).double()
        effects = deletion_effects(precise, inputs.double(), labels, grid=3)
        scores = single_deletion_score(effects, x_gradient(precise, inputs.double(), labels))
        for method in ("x_gradient", "ig"):
            found = rows.loc[(rows["domain"] == domain) & (rows["method"] == method), "score"]
            assert found.tolist() == pytest.approx(scores.tolist(), abs=1e-12)
    assert (rows["defined"] == 1).all()


def test_shards_change_nothing_to_the_last_bit(nets):
    # Of five shards two have nothing to do.
    one, two, five = (
        rows_of(nets, shards).sort_values(["domain", "method", "image"], ignore_index=True)
        for shards in (1, 2, 5)
    )
    assert one.equals(two) and one.equals(five)
    assert len(one) == 2 * len(METHODS) * N_IMAGES
    assert list(one.columns) == list(COLUMNS)


def test_images_without_a_score_are_counted(nets):
    constant = copy.deepcopy(nets["original"])
    nn.init.zeros_(constant[-1].weight)
    rows = rows_of({"original": nets["original"], "in_domain": constant}, 1)
    table = summarise(rows, **BOOTSTRAP).set_index(["domain", "method"])
    assert (table.loc["in_domain", "n_undefined"] == N_IMAGES).all()
    assert table.loc["in_domain", ["score", "score_low", "score_high"]].isna().all(axis=None)
    assert (table.loc["original", "n_undefined"] == 0).all()


def test_a_summary_is_the_mean_of_the_defined_scores():
    rows = pd.DataFrame(
        [("original", "ig", image, score, defined) for image, score, defined in
         [(0, 0.5, 1), (1, 0.0, 0), (2, 1.0, 1)]] + [("original", "gradient", 0, -0.25, 1)],
        columns=list(COLUMNS),
    )  # fmt: skip
    table = summarise(rows, **BOOTSTRAP)
    assert table["score"].tolist() == [0.75, -0.25]
    assert table["n_images"].tolist() == [2, 1] and table["n_undefined"].tolist() == [1, 0]
    assert 0.5 <= table["score_low"][0] <= 0.75 <= table["score_high"][0] <= 1.0
    assert table["score_low"].isna().tolist() == [False, True]


def test_the_figure_has_every_score(nets):
    labels = {"dataset": "fashion_mnist", "network": "alexnet", "architecture": "alexnet"}
    table = summarise(rows_of(nets, 1), **BOOTSTRAP)
    regular = table[table["method"] != "x_gradient"]
    both = [label_rows(part, **labels, variant=variant)
            for variant, part in (("regular", regular), ("x", table))]  # fmt: skip
    figure = plot_single_deletion(pd.concat(both, ignore_index=True))
    titles = [axis.get_title() for axis in figure.axes]
    assert titles == ["AlexNet, as trained (SDS)", "AlexNet, in-domain (IDSDS)"]
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == ["IG", "XG", "Random", "EG (1)"]
    for axis, domain in zip(figure.axes, ("original", "in_domain"), strict=True):
        drawn = sorted(x for container in axis.containers for x in container[0].get_xdata())
        assert drawn == pytest.approx(
            sorted([*regular.loc[regular["domain"] == domain, "score"],
                    *table.loc[table["domain"] == domain, "score"]])
        )  # fmt: skip
