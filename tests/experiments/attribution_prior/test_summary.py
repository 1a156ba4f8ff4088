"""Means, intervals and differences between methods, over the repetitions."""

from __future__ import annotations

import pandas as pd
import pytest

from experiments.attribution_prior.summary import (
    compare_with_xg,
    eg_curve,
    merge_shards,
    summarise,
)

BOOTSTRAP = {"resamples": 200, "confidence": 0.9}


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
