"""Single deletion scores in the results of the smoke run."""

from __future__ import annotations

import pandas as pd
import pytest

from experiments.tables import LABELS
from tests.pipeline.helpers import folder_of, nets_of, read_table, settings_of

COLUMNS = [*LABELS, "domain", "method", "score", "score_low", "score_high"]


@pytest.fixture(scope="module")
def table(results):
    return read_table(results, "single_deletion")


def test_the_table_has_every_net_domain_and_method(table, run_config):
    assert list(table.columns) == [*COLUMNS, "n_images", "n_undefined"]
    groups = table.groupby(["network", "variant"], sort=False)
    assert list(groups.groups) == nets_of(run_config, "single_deletion")
    for (network, variant), rows in groups:
        settings = settings_of(run_config, "single_deletion", network)
        methods = [key for key in settings.methods if variant != "regular" or key != "x_gradient"]
        found = list(zip(rows["domain"], rows["method"], strict=True))
        assert found == [
            (domain, method) for domain in ("original", "in_domain") for method in methods
        ]
        assert (rows["n_images"] + rows["n_undefined"] == settings.n_images).all()


def test_x_gradient_scores_as_integrated_gradients(table):
    for _, rows in table[table["variant"] == "x"].groupby(["network", "domain"]):
        own = rows.set_index("method")["score"]
        assert own["x_gradient"] == pytest.approx(own["ig"], abs=0.002)


def test_the_table_is_the_mean_over_the_images(results, table, run_config):
    for (network, variant), rows in table.groupby(["network", "variant"]):
        folder = folder_of(results, run_config, network, variant) / "single_deletion"
        shards = pd.concat(map(pd.read_csv, folder.glob("*-of-*.csv")))
        means = shards[shards["defined"] == 1].groupby(["domain", "method"])["score"].mean()
        for _, row in rows.iterrows():
            expected = means.get((row["domain"], row["method"]))
            assert (expected is None and pd.isna(row["score"])) or row["score"] == pytest.approx(
                expected
            )


def test_a_net_in_domain_is_another_one_without_its_safety_copy(results, run_config):
    for network, variant in nets_of(run_config, "single_deletion"):
        folder = folder_of(results, run_config, network, variant)
        tuned = folder / "single_deletion/in_domain"
        models = [path / "model.safetensors" for path in (folder, tuned)]
        assert models[0].read_bytes() != models[1].read_bytes()
        assert not (tuned / "training.ckpt").exists()
        history = pd.read_csv(tuned / "history.csv")
        epochs = settings_of(run_config, "single_deletion", network).in_domain.epochs
        assert history["epoch"].tolist() == [0, *range(1, epochs + 1)]
