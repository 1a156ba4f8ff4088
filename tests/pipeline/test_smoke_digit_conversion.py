"""The digit conversion of the smoke run: run it after the smoke pipeline (config/smoke.yaml)."""

from __future__ import annotations

import json

import nbformat
import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from safetensors.torch import load_file

from experiments.digit_conversion.run import load_net
from experiments.files import load_split
from xgradient.homogeneous import check_homogeneous

COLUMNS = [
    *("weights", "task", "method", "n", "median", "q1", "q3", "mean", "flipped_percent"),
    *("mean_pixels_erased", "erasing", "network", "test_top1"),
]


@pytest.fixture(scope="module")
def results(root):
    path = root / "results" / "smoke"
    if not (path / "tables" / "digit_conversion.csv").is_file():
        pytest.fail("no smoke run: snakemake --cores all --configfile config/smoke.yaml")
    return path


@pytest.fixture(scope="module")
def config(root):
    merged = yaml.safe_load((root / "config.yaml").read_text())["digit_conversion"]
    return merged | yaml.safe_load((root / "config" / "smoke.yaml").read_text())["digit_conversion"]


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
    labels = load_split(results / "mnist" / "test.safetensors").labels
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
    same = masked == by_method["guided_backprop_times_input"]
    assert same.mean() > 0.9


def test_the_x_net_is_homogeneous_and_the_other_has_biases(results):
    folder = results / "mnist" / "digit_convnet-trained"
    inputs = 255 * torch.rand(2, 1, 28, 28)
    check_homogeneous(load_net(folder / "x.safetensors"), inputs)
    assert load_net(folder / "regular.safetensors").conv1.bias is not None


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
    assert set(facts["nets"]["inputs"]) == {"train.safetensors", "validation.safetensors"}


def test_the_example_keeps_what_is_not_erased(results, config):
    tensors = load_file(results / "mnist" / "digit_convnet-trained" / "example.safetensors")
    for method in config["methods"]:
        masked, image = tensors[f"{method}/masked"], tensors["image"]
        assert ((masked == image) | (masked == 0)).all()
        classes = len(config["example"]["classes"])
        assert tensors[f"{method}/contributions"].shape == (classes, 28, 28)


def test_readers_find_the_paper_and_the_caveats(results):
    text = (results / "tables" / "digit_conversion.md").read_text()
    assert "10046 ± 66" in text and "XG is an addition" in text and "Test accuracy" in text
    notebook = nbformat.read(results / "tables" / "digit_conversion.ipynb", as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in cells)
    html = (results / "tables" / "digit_conversion.html").read_text()
    assert "RevealCancel" in html and "Not measured in this run" in html
    assert (results / "tables" / "digit_conversion.tex").stat().st_size > 100


def test_figures_come_in_both_formats(results):
    for name in ("digit_conversion", "digit_conversion_example"):
        assert (results / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert (results / "figures" / f"{name}.pdf").read_bytes().startswith(b"%PDF")
