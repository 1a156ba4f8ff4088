"""The prior experiment in shards: the number of shards changes nothing, to the last bit."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
import pytest
import torch

from experiments.attribution_prior.chunk import NonFiniteLossError
from experiments.attribution_prior.run import (
    COLUMNS,
    Training,
    shard_repetitions,
    train_shard,
    trainings,
)
from experiments.attribution_prior.settings import PriorSettings
from experiments.attribution_prior.summary import (
    compare_with_xg,
    eg_curve,
    merge_shards,
    read_repetitions,
    summarise,
)
from experiments.attribution_prior.training import train_repetitions

SETTINGS = {
    "n_repetitions": 5,
    "methods": [
        "unregularised",
        "unregularised_without_bias",
        "rrr",
        "gradient",
        "expected_gradients",
        "x_gradient",
    ],
    "lambdas": [0.1, 1.0],
    "n_references": 1,
    "settings": {
        "n_train": 20,
        "n_validation": 25,
        "hidden": [12, 6],
        "epochs": 5,
        "learning_rate": 0.01,
    },
    "eg_references": {"n_references": [1, 2, 4], "lambda": 1.0, "n_repetitions": 3},
    "integrated_gradients": {"n_steps": 6, "lambda": 1.0, "n_repetitions": 2, "epochs": 2},
}
BOOTSTRAP = {"resamples": 200, "confidence": 0.9}
NAMES = ("age", "weight", "height", "pulse", "salt")
SEED = 11


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    features = rng.normal(size=(110, len(NAMES)))
    labels = (features[:, 0] - features[:, 1] + rng.normal(size=110) > 0).astype(np.int64)
    features[rng.random(features.shape) < 0.05] = np.nan
    return features, labels


def shards(data, n_shards, folder, settings=SETTINGS, seed=SEED):
    """Do what the scripts do: each shard by itself, with a used-up global generator, to a file."""
    frames = []
    for shard in range(1, n_shards + 1):
        torch.manual_seed(shard)
        numbers = shard_repetitions(settings["n_repetitions"], f"{shard}-of-{n_shards}", "cpu")
        path = folder / f"{shard}-of-{n_shards}.csv"
        train_shard(*data, NAMES, numbers, settings, seed).to_csv(path, index=False)
        frames.append(read_repetitions(path))
    return frames


@pytest.fixture(scope="module")
def merged(data, tmp_path_factory):
    return merge_shards(shards(data, 1, tmp_path_factory.mktemp("one")))


def tables(merged: pd.DataFrame) -> list[str]:
    """All tables as text, without what is measured by a clock."""
    summary = summarise(merged, "tiny", 1, 5, BOOTSTRAP, seed=4)
    frames = [
        merged,
        summary,
        compare_with_xg(merged, summary, BOOTSTRAP, seed=4),
        eg_curve(merged, summary, SETTINGS["eg_references"], BOOTSTRAP, seed=4),
    ]
    clock = ["seconds", "seconds_per_rep", "relative_cost"]
    return [frame.drop(columns=clock, errors="ignore").to_csv(index=False) for frame in frames]


# --- shards -------------------------------------------------------------------------------------


def test_tables_are_the_same_bits_for_any_number_of_shards(data, merged, tmp_path):
    one = tables(merged)
    for n_shards in (2, 5):
        parts = shards(data, n_shards, tmp_path)
        assert tables(merge_shards(parts[::-1])) == one


def test_the_seed_of_the_experiment_matters(data, merged, tmp_path):
    other = merge_shards(shards(data, 1, tmp_path, seed=SEED + 1))
    assert tables(other)[0] != tables(merged)[0]


@pytest.mark.parametrize("n_shards", [1, 2, 3, 7])
@pytest.mark.parametrize(("device", "block"), [("cpu", 1), ("cuda", 64)])
def test_shards_hold_every_repetition_once_in_whole_blocks(n_shards, device, block):
    n = 7 * block - (block - 1)
    parts = [shard_repetitions(n, f"{i}-of-{n_shards}", device) for i in range(1, n_shards + 1)]
    assert sorted(number for part in parts for number in part) == list(range(n))
    for part in parts:
        assert part == sorted(part)
        # What is trained together in a shard is what is trained together without shards.
        for start in range(0, len(part), block):
            together = part[start : start + block]
            first = together[0]
            assert first % block == 0
            assert together == list(range(first, min(first + block, n)))


def test_more_shards_than_blocks_are_refused():
    with pytest.raises(ValueError, match="make 3 blocks, too few for 4 shards"):
        shard_repetitions(3, "4-of-4", "cpu")
    with pytest.raises(ValueError, match="device cuda, make 2 blocks, too few for 3 shards"):
        shard_repetitions(128, "1-of-3", "cuda")


def test_shards_that_do_not_fit_together_are_refused(merged):
    with pytest.raises(ValueError, match=r"'unregularised'.*repetitions \[0, 0, 1, 1"):
        merge_shards([merged, merged])
    with pytest.raises(ValueError, match=r"repetitions \[0, 1, 3, 4\]"):
        merge_shards([merged[merged["repetition"] != 2]])


# --- what is trained ----------------------------------------------------------------------------


def test_what_the_configuration_asks_for():
    listed = trainings(SETTINGS)
    assert listed[0] == Training("unregularised", 0, None, 5, 5)
    assert Training("expected_gradients", 1, (0.1, 1.0), 5, 5) in listed
    # The number of references of the comparison is not trained again for the curve.
    assert [
        (t.n_gradients, t.strengths, t.n_repetitions)
        for t in listed
        if t.method == "expected_gradients"
    ] == [
        (1, (0.1, 1.0), 5),
        (2, (1.0,), 3),
        (4, (1.0,), 3),
    ]
    assert listed[-1] == Training("ig", 6, (1.0,), 2, 2)


def test_rows_are_those_of_the_library(data, merged):
    assert list(merged.columns) == list(COLUMNS)
    common = {**SETTINGS["settings"], "hidden": (12, 6)}
    for method, n_gradients, strength, repetition, change in (
        ("unregularised", 0, None, 4, {}),
        ("rrr", 1, 0.1, 2, {}),
        ("expected_gradients", 1, 1.0, 3, {"n_references": 1}),
        ("expected_gradients", 4, 1.0, 2, {"n_references": 4}),
        ("x_gradient", 1, 0.1, 0, {}),
        ("ig", 6, 1.0, 1, {"n_steps": 6, "epochs": 2}),
    ):
        expected = train_repetitions(
            *data,
            [repetition],
            method,
            None if strength is None else [strength],
            PriorSettings(**common | change),
            seed=SEED,
        )
        (row,) = merged[
            (merged["method"] == method)
            & (merged["n_gradients"] == n_gradients)
            & (merged["lambda"] == (strength or 0.0))
            & (merged["repetition"] == repetition)
        ].to_dict("records")
        assert row["test_auc"] == expected.test_auc.item()
        assert row["val_auc"] == expected.best_validation_auc.item()
        assert row["gini"] == expected.gini.item()
        assert row["epoch"] == expected.epoch.item()
        assert row["n_epochs"] == change.get("epochs", 5)
    assert (merged["seconds"] > 0).all()


def test_a_single_class_and_a_feature_without_values_are_named_by_repetition(data):
    features, labels = data
    rare = np.zeros_like(labels)
    rare[:2] = 1
    with pytest.raises(ValueError, match=r"repetition \d+: all \d+ (validation|test) rows"):
        train_shard(features, rare, NAMES, range(5), SETTINGS, SEED)
    empty = features.copy()
    empty[5:, 2] = np.nan
    with pytest.raises(ValueError, match=r"repetition \d+: no value of height in the 20 training"):
        train_shard(empty, labels, NAMES, range(5), SETTINGS, SEED)


def test_a_strength_that_makes_the_loss_nan_is_named_with_the_repetition(data):
    settings = copy.deepcopy(SETTINGS) | {"lambdas": [1e38]}
    settings["settings"]["learning_rate"] = 1e30
    with pytest.raises(NonFiniteLossError, match=r"repetition 3"):
        train_shard(*data, NAMES, [3], settings, SEED)
