"""Training with attribution priors in the results of the smoke run."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from experiments.attribution_prior.protocol import protocol_of, published_curve
from tests.pipeline.helpers import shown_in_notebook

DOCUMENTED = [
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
WITHOUT_PRIOR = {"unregularised", "unregularised_without_bias"}


@pytest.fixture(scope="module")
def config(run_config):
    return run_config["attribution_prior"]


@pytest.fixture(scope="module")
def table(results):
    return pd.read_csv(results / "tables" / "attribution_prior.csv")


@pytest.fixture(scope="module")
def repetitions(results):
    return pd.read_csv(results / "attribution_prior" / "repetitions.csv")


def test_the_table_has_the_documented_columns_and_every_strength(table, config):
    assert list(table.columns)[: len(DOCUMENTED)] == DOCUMENTED
    rows = set(zip(table["method"], table["lambda"], strict=True))
    expected = {(method, 0.0) for method in WITHOUT_PRIOR}
    expected |= {
        (method, value)
        for method in set(config["methods"]) - WITHOUT_PRIOR
        for value in config["lambdas"]
    }
    cost = config["integrated_gradients"]
    assert rows == expected | {("ig", cost["lambda"])} and len(table) == len(rows)
    compared = table[table["method"] != "ig"]
    assert not compared.isna().any().any()
    assert (compared["n_reps"] == config["n_repetitions"]).all()
    assert (table["dataset"] == config["dataset"]).all()


def test_the_selected_strength_has_the_best_validation_auc(table):
    for method, rows in table[table["method"] != "ig"].groupby("method"):
        chosen = rows[rows["selected"]]
        assert len(chosen) == 1, method
        assert chosen["val_auc"].item() == rows["val_auc"].max()


def test_the_table_is_the_mean_of_the_repetitions(table, repetitions):
    keys = ["method", "n_gradients", "lambda"]
    groups = repetitions.groupby(keys)
    for row in table[table["method"] != "ig"].to_dict("records"):
        rows = groups.get_group(tuple(row[key] for key in keys))
        for name in ("val_auc", "test_auc", "gini"):
            assert row[name] == pytest.approx(rows[name].mean())
        assert row["test_auc_sem"] == pytest.approx(rows["test_auc"].std() / len(rows) ** 0.5)
        assert row["test_auc_low"] <= row["test_auc"] <= row["test_auc_high"]
        assert row["seconds_per_rep"] == pytest.approx(rows["seconds"].mean())


def test_costs_are_relative_to_unregularised_training(table, config):
    unit = table[table["method"] == "unregularised"]["seconds_per_rep"].item()
    assert (table["relative_cost"] - table["seconds_per_rep"] / unit).abs().max() < 1e-9
    (ig,) = table[table["method"] == "ig"].to_dict("records")
    assert ig["n_gradients"] == config["integrated_gradients"]["n_steps"]
    assert ig["n_epochs"] == config["integrated_gradients"]["epochs"]


def test_every_repetition_is_there_once_and_its_scores_are_areas(repetitions, config):
    assert not repetitions.duplicated(
        ["method", "n_gradients", "lambda", "n_epochs", "repetition"]
    ).any()
    main = repetitions[repetitions["method"].isin(set(config["methods"]) - {"expected_gradients"})]
    assert set(main["repetition"]) == set(range(config["n_repetitions"]))
    assert repetitions[["val_auc", "test_auc", "gini"]].apply(lambda c: c.between(0, 1)).all().all()
    assert (repetitions["epoch"] < repetitions["n_epochs"]).all()
    # No method misses a repetition.
    assert main.groupby("repetition")["method"].nunique().eq(len(config["methods"]) - 1).all()


def test_the_curve_of_references(results, table, repetitions, config):
    curve = pd.read_csv(results / "tables" / "attribution_prior_eg_references.csv")
    settings = config["eg_references"]
    assert curve["n_references"].tolist() == settings["n_references"]
    assert (curve["n_reps"] == settings["n_repetitions"]).all()
    (xg,) = table[(table["method"] == "x_gradient") & table["selected"]].to_dict("records")
    few = repetitions[repetitions["repetition"] < settings["n_repetitions"]]
    ours = few[(few["method"] == "x_gradient") & (few["lambda"] == xg["lambda"])]["test_auc"].mean()
    assert curve["xg_test_auc"].tolist() == pytest.approx([ours] * len(curve))
    for row in curve.to_dict("records"):
        theirs = few[
            (few["method"] == "expected_gradients")
            & (few["n_gradients"] == row["n_references"])
            & (few["lambda"] == settings["lambda"])
        ]["test_auc"]
        assert row["test_auc"] == pytest.approx(theirs.mean())
        assert row["xg_minus_eg"] == pytest.approx(ours - theirs.mean())


def test_the_tables_say_how_the_protocol_differs(results, table, config):
    curve = pd.read_csv(results / "tables" / "attribution_prior_eg_references.csv")
    for frame, expected in (
        (table, protocol_of(config)),
        (curve, protocol_of(config, **published_curve(config["eg_references"]))),
    ):
        assert frame.columns[-1] == "protocol"
        assert frame["protocol"].unique().tolist() == [expected]
        assert expected.startswith("other: n_repetitions, lambdas, settings.hidden")


def test_readers_find_the_paper_the_data_and_what_cannot_be_tested(results):
    text = (results / "tables" / "attribution_prior.md").read_text()
    assert "0.770 ± 0.0025 (λ = 1)" in text and "0.767 ± 0.0025 (λ = 1)" in text
    assert "1629 participants of whom 318 died, 53 features" in text
    shown = shown_in_notebook(results, "attribution_prior")
    assert "needs dataset nhanes, this run has nhefs" in shown
    assert "not testable here" in shown


def test_the_facts_name_the_shards_and_the_data(results, config):
    folder = results / "attribution_prior"
    facts = json.loads((folder / "facts.json").read_text())
    assert [shard["wildcards"]["scatteritem"] for shard in facts["shards"]] == [
        f"{number}-of-{config['shards']}" for number in range(1, config["shards"] + 1)
    ]
    assert len({shard["seed"] for shard in facts["shards"]}) == 1
    assert facts["data"]["dataset"] == facts["data"]["requested_dataset"] == config["dataset"]
    assert set(facts["data"]["dropped_columns"]) >= {"yrdth", "wt82", "sbp"}
    assert facts["data"]["files"][0]["digest"].startswith("sha256:b4e01608")
