"""The prior experiment in shards: the number of shards changes nothing, to the last bit."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from experiments.attribution_prior.verdicts import ahead, compare_with_published, why_untestable

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


# --- means and differences ----------------------------------------------------------------------


def made_up() -> pd.DataFrame:
    """Scores of known means; repetitions in disorder, so that only pairing by number fits."""
    scores = {
        ("unregularised", 0, 0.0): ([0.6, 0.7, 0.8], [0.5, 0.5, 0.5]),
        ("expected_gradients", 1, 0.1): ([0.9, 0.9, 0.3], [0.9, 0.9, 0.9]),
        ("expected_gradients", 1, 1.0): ([0.8, 0.8, 0.8], [0.6, 0.7, 0.8]),
        ("x_gradient", 1, 0.1): ([0.5, 0.9, 0.5], [0.1, 0.1, 0.1]),
        ("x_gradient", 1, 1.0): ([0.7, 0.7, 0.7], [0.7, 0.8, 0.9]),
        ("expected_gradients", 2, 1.0): ([0.9, 0.9], [0.9, 0.7]),
    }
    rows = [
        {
            "method": method,
            "n_gradients": n_gradients,
            "lambda": strength,
            "n_epochs": 10,
            "repetition": repetition,
            "epoch": repetition,
            "val_auc": validation[repetition],
            "test_auc": test[repetition],
            "gini": 0.5,
            "seconds": 10.0 * (1 + n_gradients),
        }
        for (method, n_gradients, strength), (validation, test) in scores.items()
        for repetition in reversed(range(len(test)))
    ]
    rows += [
        {**rows[0], "method": "ig", "n_gradients": 8, "lambda": 1.0, "n_epochs": 2}
        | {"repetition": repetition, "seconds": 18.0}
        for repetition in range(2)
    ]
    return pd.DataFrame(rows)


@pytest.fixture
def summary() -> pd.DataFrame:
    return summarise(merge_shards([made_up()]), "tiny", 1, 10, BOOTSTRAP, 0)


def test_summary_begins_with_the_documented_columns(summary):
    assert list(summary.columns)[:10] == [
        "dataset",
        "method",
        "lambda",
        "n_reps",
        "val_auc",
        "test_auc",
        "test_auc_sem",
        "gini",
        "seconds_per_rep",
        "relative_cost",
    ]
    # EG (2) belongs to the curve.
    assert list(zip(summary["method"], summary["lambda"], strict=True)) == [
        ("unregularised", 0.0),
        ("expected_gradients", 0.1),
        ("expected_gradients", 1.0),
        ("x_gradient", 0.1),
        ("x_gradient", 1.0),
        ("ig", 1.0),
    ]


def test_strengths_are_selected_by_validation_and_not_by_test(summary):
    chosen = summary[summary["selected"]]
    assert dict(zip(chosen["method"], chosen["lambda"], strict=True)) == {
        "unregularised": 0.0,
        "expected_gradients": 1.0,  # validation 0.8 against 0.7, though not in the test
        "x_gradient": 1.0,
        "ig": 1.0,
    }


def test_means_errors_and_costs(summary):
    row = summary[(summary["method"] == "expected_gradients") & (summary["lambda"] == 1.0)].iloc[0]
    assert row["n_reps"] == 3 and row["val_auc"] == pytest.approx(0.8)
    assert row["test_auc"] == pytest.approx(0.7)
    assert row["test_auc_sem"] == pytest.approx(0.1 / 3**0.5)
    assert 0.6 <= row["test_auc_low"] < 0.7 < row["test_auc_high"] <= 0.8
    assert row["seconds_per_rep"] == pytest.approx(20) and row["relative_cost"] == pytest.approx(2)
    assert row["mean_epoch"] == 1


def test_a_training_of_fewer_epochs_is_scaled_and_has_no_scores(summary):
    row = summary[summary["method"] == "ig"].iloc[0]
    assert row["n_epochs"] == 2 and row["seconds_per_rep"] == pytest.approx(90)
    assert row["relative_cost"] == pytest.approx(9)
    assert row[["val_auc", "test_auc", "test_auc_sem", "gini", "test_auc_low"]].isna().all()


def test_differences_pair_the_repetitions(summary):
    compared = compare_with_xg(merge_shards([made_up()]), summary, BOOTSTRAP, 0)
    rows = compared.set_index("method")
    assert list(rows.index) == ["unregularised", "expected_gradients"]
    # 0.1 in every repetition: an interval of no width, which unpaired ones would not have.
    assert rows.loc[
        "expected_gradients", ["xg_minus_method", "low", "high"]
    ].tolist() == pytest.approx([0.1] * 3)
    assert rows.loc["unregularised", "xg_minus_method"] == pytest.approx(0.3)
    assert (rows["xg_lambda"] == 1.0).all() and (rows["n_reps"] == 3).all()


def test_ig_that_is_trained_in_full_is_compared_on_its_own_repetitions():
    rows = made_up()
    ig = rows["method"] == "ig"
    rows.loc[ig, "n_epochs"] = 10
    rows.loc[ig, "test_auc"] = 0.4
    merged = merge_shards([rows])
    summary = summarise(merged, "tiny", 1, 10, BOOTSTRAP, 0)
    row = compare_with_xg(merged, summary, BOOTSTRAP, 0).set_index("method").loc["ig"]
    # XG has 0.7 and 0.8 there, and 0.9 in the third repetition, which IG lacks.
    assert row["n_reps"] == 2 and row["xg_minus_method"] == pytest.approx(0.35)


def test_the_curve_is_over_the_same_repetitions_for_all(summary):
    settings = {"n_references": [1, 2], "lambda": 1.0, "n_repetitions": 2}
    curve = eg_curve(merge_shards([made_up()]), summary, settings, BOOTSTRAP, 0)
    assert curve["n_references"].tolist() == [1, 2] and (curve["n_reps"] == 2).all()
    assert curve["test_auc"].tolist() == pytest.approx([0.65, 0.8])
    assert curve["xg_test_auc"].tolist() == pytest.approx([0.75, 0.75])
    assert curve["xg_minus_eg"].tolist() == pytest.approx([0.1, -0.05])
    assert curve.loc[1, ["low", "high"]].tolist() == pytest.approx([-0.2, 0.1])
    assert curve["relative_cost"].tolist() == pytest.approx([2, 3])


# --- what can be claimed ------------------------------------------------------------------------


@pytest.fixture
def protocol(root):
    config = yaml.safe_load((root / "config.yaml").read_text())["attribution_prior"]
    return config | {"n_repetitions": 200}


def test_published_means_are_tested_on_the_authors_data_and_protocol_alone(protocol):
    assert why_untestable("nhanes", protocol) is None
    assert why_untestable("nhefs", protocol) == "not testable here: other data (nhefs)"
    assert "30 of 200 repetitions" in why_untestable("nhanes", protocol | {"n_repetitions": 30})
    assert "n_references is not" in why_untestable("nhanes", protocol | {"n_references": 2})
    assert "lambdas is not" in why_untestable("nhanes", protocol | {"lambdas": [1.0]})
    shorter = protocol["settings"] | {"epochs": 50}
    assert "settings is not" in why_untestable("nhanes", protocol | {"settings": shorter})


def test_published_means_hold_within_the_tolerance(root):
    published = pd.read_csv(root / "workflow/published/attribution_prior.csv")
    ours = pd.DataFrame(
        {
            "method": ["unregularised", "x_gradient", "x_gradient", "ig"],
            "selected": [True, True, False, True],
            # Within 0.006 of 0.70771 and 0.704; of 0.767326 but not of 0.769719.
            "test_auc": [0.7095, 0.7635, 0.7685, float("nan")],
        }
    )
    compared = compare_with_published(ours, published, None).set_index("method")
    assert compared["holds"].to_dict() == {"unregularised": "yes", "x_gradient": "no"}
    assert compared.loc["x_gradient", "difference"] == pytest.approx(0.7635 - 0.769719)
    assert set(compare_with_published(ours, published, "because")["holds"]) == {"because"}


def test_what_an_interval_says():
    assert ahead(0.02, 0.01, 0.03, 30) == "yes"
    assert ahead(-0.02, -0.03, -0.01, 30) == "no: XG is behind"
    assert ahead(0.01, -0.01, 0.03, 30) == "undecided: ahead, but the interval holds 0"
    assert ahead(-0.01, -0.03, 0.01, 30) == "undecided: behind, but the interval holds 0"
    assert ahead(0.02, 0.01, 0.03, 3) == "undecided: only 3 repetitions"
