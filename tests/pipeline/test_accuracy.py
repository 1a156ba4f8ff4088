"""Accuracy in the results of the smoke run."""

from __future__ import annotations

import json

from tests.pipeline.helpers import read_table

COLUMNS = ["dataset", "arch", "variant", "top1", "top5", "n_images"]


def test_the_table_has_every_net_and_no_gaps(results, run_config):
    frame = read_table(results, "accuracy")
    assert list(frame.columns) == COLUMNS and not frame.isna().any().any()
    rows = list(zip(frame["arch"], frame["variant"], strict=True))
    settings = run_config["accuracy"]
    assert rows == [
        (arch, variant)
        for arch in run_config["networks"]["architectures"]
        for variant in settings["variants"]
    ]
    assert (frame["n_images"] == settings["n_images"]).all()
    # The correct class is the first of the five, or not.
    assert (frame["top1"] <= frame["top5"]).all() and frame["top5"].between(0, 100).all()


def test_the_facts_name_the_net_and_the_images(results, run_config):
    facts = json.loads((results / run_config["dataset"] / "alexnet-x/accuracy.json").read_text())
    assert facts["inputs"].keys() == {"model.safetensors", "test.safetensors"}
