"""The simulated genomics in the results of the smoke run."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from safetensors.torch import load_file
from sklearn.metrics import roc_auc_score

from experiments.genomics.storage import load_sequences
from experiments.genomics.training import predict
from experiments.networks.checkpoints import load_model
from tests.pipeline.helpers import shown_in_notebook

KEYS = ["weights", "motif", "method", "exclusion"]


@pytest.fixture(scope="module")
def config(run_config):
    return run_config["genomics"]


@pytest.fixture(scope="module")
def table(results):
    return pd.read_csv(results / "tables" / "genomics.csv")


@pytest.fixture(scope="module")
def hits(results):
    return pd.read_csv(results / "genomics" / "trained" / "hits.csv")


def test_the_table_has_the_documented_columns_and_every_row(table, config):
    assert list(table.columns) == [
        *KEYS,
        "n_strong_hits",
        "false_negative_percent",
        "n_sequences",
    ]
    assert not table.isna().any().any()
    rows = table[KEYS].itertuples(index=False, name=None)
    assert sorted(rows) == sorted(
        (weights, motif, method, exclusion)
        for weights in config["weights"]
        for motif in ("GATA_disc1", "TAL1_known1")
        for method in config["methods"]
        for exclusion in ("official", "fixed")
    )
    # Every method is asked about the same hits.
    assert (table.groupby(["weights", "motif", "exclusion"])["n_strong_hits"].nunique() == 1).all()


def test_the_table_counts_the_hits(table, hits, config):
    strong = hits[hits["log_odds"] >= config["strong"]]
    groups = strong.groupby(KEYS)["importance"]
    counted = table.set_index(KEYS)
    pd.testing.assert_series_equal(
        groups.size().sort_index(), counted["n_strong_hits"].sort_index(), check_names=False
    )
    shares = groups.apply(lambda values: 100 * (values <= 0).mean())
    pd.testing.assert_series_equal(
        shares.sort_index(), counted["false_negative_percent"].sort_index(), check_names=False
    )


def test_hits_are_sums_of_importance(results, hits):
    folder = results / "genomics" / "trained"
    importance = load_file(folder / "importance.safetensors")
    test = load_sequences(folder / "sequences.safetensors", "test")
    names = [name for name, label in zip(test.names, test.labels, strict=True) if label[0] == 1]
    rows = {name: row for row, name in enumerate(names)}
    width = {"GATA_disc1": 10, "TAL1_known1": 16}
    for hit in hits.sample(200, random_state=0).itertuples():
        window = slice(hit.start, hit.start + width[hit.motif])
        total = importance[hit.method][rows[hit.sequence], window].sum().item()
        assert hit.importance == pytest.approx(total, abs=1e-5)


def test_fixed_hits_are_taken_once(hits):
    keys = [*KEYS, "sequence", "start"]
    assert not hits[hits["exclusion"] == "fixed"].duplicated(keys).any()


def test_splits_and_auroc_belong_to_the_net(results, config):
    folder = results / "genomics" / "trained"
    parts = {
        split: load_sequences(folder / "sequences.safetensors", split)
        for split in ("train", "validation", "test")
    }
    names = [name for part in parts.values() for name in part.names]
    assert len(set(names)) == len(names) == 4 * config["n_per_class"]
    assert len(parts["test"].names) == config["test_sequences"]
    logits = predict(load_model(folder / "model.safetensors"), parts["test"].sequences)
    table = pd.read_csv(results / "tables" / "genomics_auroc.csv")
    assert list(table.columns) == ["weights", "task", "auroc", "n_sequences"]
    assert list(table["task"]) == ["both", "GATA", "TAL"]
    expected = [roc_auc_score(parts["test"].labels[:, task], logits[:, task]) for task in range(3)]
    assert table["auroc"].tolist() == pytest.approx(expected)


def test_the_history_chose_the_best_epoch(results):
    folder = results / "genomics" / "trained"
    history = pd.read_csv(folder / "history.csv")
    facts = json.loads((folder / "genomics.json").read_text())
    losses = history["validation_loss"]
    assert losses[facts["model"]["best_epoch"]] == losses.min()


def test_readers_find_the_published_numbers_and_the_verdict(results):
    text = (results / "tables" / "genomics.md").read_text()
    assert "6.39" in text and "published, official (%)" in text
    assert "needs weights published, this run has trained" in shown_in_notebook(results, "genomics")
