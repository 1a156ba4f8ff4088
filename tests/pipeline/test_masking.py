"""The masking metrics in the results of the smoke run."""

from __future__ import annotations

import json

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from experiments.tables import LABELS
from tests.pipeline.helpers import folder_of, nets_of, settings_of
from xgradient.masking import area_under_curve

PAPER = ["KPM", "KNM", "KAM", "RAM", "RPM", "RNM"]
METRICS = [*PAPER, "insertion", "deletion"]


@pytest.fixture(scope="module")
def config(run_config):
    return run_config["masking"]


@pytest.fixture(scope="module")
def table(results):
    return pd.read_csv(results / "tables" / "masking.csv")


def test_the_table_has_the_documented_columns_and_no_gaps(table):
    intervals = [f"{name}_{end}" for name in METRICS for end in ("low", "high")]
    names = [*LABELS, "method", *PAPER, "n_images", "insertion", "deletion"]
    assert list(table.columns) == [*names, *intervals]
    assert not table.isna().any().any()


def test_every_method_is_there_and_x_gradient_on_the_x_net_alone(table, run_config):
    nets = table.groupby(["network", "variant"], sort=False)
    assert list(nets.groups) == nets_of(run_config, "masking")
    for (network, variant), rows in nets:
        settings = settings_of(run_config, "masking", network)
        left_out = {"x_gradient"} if variant == "regular" else set()
        assert set(rows["method"]) == set(settings.methods) - left_out
        assert (rows["n_images"] == settings.n_images).all()


def test_intervals_hold_their_means(table):
    for name in METRICS:
        assert (table[f"{name}_low"] <= table[name]).all()
        assert (table[name] <= table[f"{name}_high"]).all()


def test_x_gradient_is_integrated_gradients_on_the_x_net(table):
    for _, rows in table[table["variant"] == "x"].groupby("network"):
        by_method = rows.set_index("method")
        for name in METRICS:
            digits = 3 if name in ("insertion", "deletion") else 2
            ig, xg = (f"{by_method.loc[key, name]:.{digits}f}" for key in ("ig", "x_gradient"))
            assert ig == xg


def test_methods_are_in_the_order_of_the_configuration(table, run_config):
    for (network, _), rows in table.groupby(["network", "variant"]):
        settings = settings_of(run_config, "masking", network)
        order = [method for method in settings.methods if method != "x_gradient"]
        listed = [method for method in rows["method"] if method != "x_gradient"]
        assert listed == order


def test_the_table_is_the_mean_of_the_images_and_the_area_of_the_curves(results, table, run_config):
    for net, rows in table.groupby(["network", "variant"]):
        folder = folder_of(results, run_config, *net)
        images = pd.read_csv(folder / "masking_images.csv").groupby("method")[METRICS].mean()
        curves = pd.read_csv(folder / "masking_curves.csv")
        for _, row in rows.iterrows():
            for name in METRICS:
                assert row[name] == pytest.approx(images.loc[row["method"], name])
                curve = curves[(curves["method"] == row["method"]) & (curves["curve"] == name)]
                scores = torch.tensor(curve["score"].to_numpy())
                area = area_under_curve(scores, curve["fraction"].to_list()).item()
                assert area == pytest.approx(row[name], rel=1e-6)


def test_shards_are_gone_and_the_facts_name_them(results, config, run_config):
    for network, variant in nets_of(run_config, "masking"):
        folder = folder_of(results, run_config, network, variant)
        assert not list(folder.glob("masking/*/*.safetensors"))
        shards = json.loads((folder / "masking.json").read_text())["shards"]
        assert [shard["wildcards"]["scatteritem"] for shard in shards] == [
            f"{number}-of-{config['shards']}" for number in range(1, config["shards"] + 1)
        ]
        for shard in shards:
            assert "test" in shard["inputs"]
            calls = shard["attributions"]["parameters"]["methods"]
            assert (
                calls["ig"]["arguments"]["n_steps"]
                == settings_of(run_config, "masking", network).n_steps
            )
        assert len({shard["attributions"]["seed"] for shard in shards}) == 1


def test_readers_find_the_paper_and_the_caveat(results):
    text = (results / "tables" / "masking.md").read_text()
    assert "7.38 / 2.21 / 21.83 / 11.68" in text
    assert "outside the distribution" in text and "are an addition" in text


@pytest.mark.parametrize("network", ["alexnet", "squeezenet1_1"])
def test_masked_images_hold_the_image_or_its_blurred_copy(results, run_config, network):
    dataset = run_config["networks"][network]["dataset"]
    tensors = load_file(results / dataset / f"{network}-masked_images.safetensors")
    masked = tensors["x_gradient/masked"]
    image, blurred = tensors["image"][:, None], tensors["blurred"][:, None]
    assert ((masked == image) | (masked == blurred)).all()
    # The more pixels may be kept, the more are; and some never come back.
    kept = (masked == image).flatten(2).sum(2)
    assert (kept.diff(dim=1) >= 0).all() and (kept[:, -1] > kept[:, 0]).all()
    assert (kept[:, -1] < masked[0, 0].numel()).all()
