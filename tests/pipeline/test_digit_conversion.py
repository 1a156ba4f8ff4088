"""The digit conversion in the results of the smoke run."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from experiments.files import load_split
from experiments.networks.checkpoints import load_model
from xgradient.homogeneous import check_homogeneous

COLUMNS = [
    *("weights", "task", "method", "n", "median", "q1", "q3", "mean", "flipped_percent"),
    *("mean_pixels_erased", "erasing", "network", "test_top1"),
]


@pytest.fixture(scope="module")
def config(run_config):
    return run_config["digit_conversion"]


@pytest.fixture(scope="module")
def table(results):
    return pd.read_csv(results / "tables" / "digit_conversion.csv")


@pytest.fixture(scope="module")
def images(results):
    return pd.read_csv(results / "mnist" / "digit_convnet-trained" / "conversion.csv")


def test_the_table_has_a_row_per_task_method_and_rule(table, config):
    assert list(table.columns) == COLUMNS
    assert not table.isna().any().any()
    tasks = [f"{a}->{b}" for a, b in config["tasks"]]
    expected = pd.MultiIndex.from_product(
        [config["weights"], tasks, config["methods"], config["erasing"]]
    )
    rows = pd.MultiIndex.from_frame(table[["weights", "task", "method", "erasing"]])
    assert rows.equals(expected)
    assert (table["n"] == config["n_images"]).all()


def test_the_table_is_the_summary_of_the_images(table, images):
    for _, row in table.iterrows():
        same = [images[name] == row[name] for name in ("task", "method", "erasing")]
        rows = images[np.logical_and.reduce(same)]
        assert len(rows) == row["n"]
        low, middle, high = np.percentile(rows["score"], [25, 50, 75])
        assert row["median"] == pytest.approx(middle)
        assert (row["q1"], row["q3"]) == pytest.approx((low, high))
        assert row["mean_pixels_erased"] == pytest.approx(rows["n_erased"].mean())
        assert row["flipped_percent"] == pytest.approx(100 * rows["flipped"].mean())


def test_erasing_counts_pixels(images, config):
    rules = images.groupby("erasing")["n_erased"]
    assert rules.max()["published"] <= config["n_pixels"]
    assert rules.min()["published"] < rules.min()["fixed"] == config["n_pixels"]
    assert rules.max()["fixed"] == config["n_pixels"]


def test_only_images_of_the_class_are_converted(results, images):
    labels = load_split(results / "mnist/native/test").labels
    originals = images["task"].str[0].astype(int)
    assert (labels.numpy()[images["image"]] == originals).all()


def test_the_best_ten_are_the_best_ten(results, images, config):
    best = pd.read_csv(results / "tables" / "digit_conversion_top10.csv")
    assert list(best.columns) == ["weights", "task", "method", "top10_indices"]
    assert len(best) == len(config["tasks"]) * len(config["methods"])
    published = images[images["erasing"] == "published"]
    for row in best.itertuples():
        rows = published[(published["task"] == row.task) & (published["method"] == row.method)]
        scores = rows.set_index("image")["score"]
        indices = [int(index) for index in row.top10_indices.split()]
        assert len(set(indices)) == 10
        chosen = scores[indices]
        assert chosen.is_monotonic_decreasing
        assert (scores.drop(indices) <= chosen.iloc[-1]).all()


def test_guided_backprop_ranks_by_sign_alone(images):
    """Times the input or where it is not black: the same sign, and all positive pixels go."""
    by_method = images[images["erasing"] == "published"].pivot(
        index=["task", "image"], columns="method", values="n_erased"
    )
    masked = by_method["guided_backprop_masked"]
    same = masked == by_method["guided_backprop_x_input"]
    assert same.mean() > 0.9


def test_the_x_net_is_homogeneous_and_the_other_has_biases(results):
    folder = results / "mnist" / "digit_convnet-trained"
    inputs = 255 * torch.rand(2, 1, 28, 28)
    check_homogeneous(load_model(folder / "x.safetensors"), inputs)
    assert load_model(folder / "regular.safetensors").conv1.bias is not None


def test_the_nets_learned_from_raw_grey_values(results, config):
    folder = results / "mnist" / "digit_convnet-trained"
    history = pd.read_csv(folder / "history.csv")
    epochs = history.groupby("network")["epoch"].max()
    assert (
        epochs["regular"] == config["training"]["epochs"] and epochs["x"] == config["x"]["epochs"]
    )
    accuracy = pd.read_csv(folder / "accuracy.csv").set_index("network")["top1"]
    assert accuracy["regular"] > 40 and accuracy["x"] > 40
    facts = json.loads((folder / "conversion.json").read_text())
    assert set(facts["nets"]["inputs"]) == {"train", "validation"}


def test_the_example_keeps_what_is_not_erased(results, config):
    tensors = load_file(results / "mnist" / "digit_convnet-trained" / "example.safetensors")
    for method in config["methods"]:
        masked, image = tensors[f"{method}/masked"], tensors["image"]
        assert ((masked == image) | (masked == 0)).all()
        classes = len(config["example"]["classes"])
        assert tensors[f"{method}/contributions"].shape == (classes, 28, 28)


def test_the_accuracy_is_that_of_every_net(results, table):
    accuracy = pd.read_csv(results / "tables" / "digit_conversion_accuracy.csv")
    assert list(accuracy.columns) == ["weights", "network", "top1", "n_images"]
    assert not accuracy.isna().any().any()
    keys = ["weights", "network"]
    assert not accuracy.duplicated(keys).any()
    merged = table.merge(accuracy, on=keys)
    assert len(merged) == len(table)
    assert (merged["test_top1"] == merged["top1"]).all()
    n_images = len(load_split(results / "mnist/native/test"))
    assert (accuracy["n_images"] == n_images).all()


def test_readers_find_the_paper_and_the_caveats(results):
    text = (results / "tables" / "digit_conversion.md").read_text()
    assert "10046 ± 66" in text and "XG is an addition" in text and "Test accuracy" in text
    html = (results / "tables" / "digit_conversion.html").read_text()
    assert "RevealCancel" in html
    # The released weights are not part of the smoke run.
    assert "needs weights published, this run has trained" in html
