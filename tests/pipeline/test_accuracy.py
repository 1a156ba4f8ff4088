"""Accuracy in the results of the smoke run."""

from __future__ import annotations

import json

import pandas as pd

from experiments.tables import LABELS
from tests.pipeline.helpers import folder_of, nets_of, read_table, settings_of

COLUMNS = [*LABELS, "top1", "top5", "n_images"]


def test_the_table_has_every_net_and_no_gaps(results, run_config):
    frame = read_table(results, "accuracy")
    assert list(frame.columns) == COLUMNS and not frame.isna().any().any()
    rows = list(zip(frame["network"], frame["variant"], strict=True))
    assert rows == nets_of(run_config, "accuracy")
    for network, n_images in zip(frame["network"], frame["n_images"], strict=True):
        assert n_images == settings_of(run_config, "accuracy", network).n_images
    # The correct class is the first of the five, or not.
    assert (frame["top1"] <= frame["top5"]).all() and frame["top5"].between(0, 100).all()


def test_the_facts_name_the_net_and_the_images(results, run_config):
    folder = folder_of(results, run_config, "alexnet", "x") / "accuracy"
    facts = json.loads((folder / "1-of-1.json").read_text())
    assert facts["inputs"].keys() == {"model.safetensors", "test"}


def test_every_image_is_a_row(results, run_config):
    for network, variant in nets_of(run_config, "accuracy"):
        folder = folder_of(results, run_config, network, variant) / "accuracy"
        rows = pd.read_csv(folder / "1-of-1.csv")
        assert rows["image"].is_unique and (rows["rank"] >= 0).all()
        assert len(rows) == settings_of(run_config, "accuracy", network).n_images


def test_photographs_are_of_the_thousand_classes(results, run_config):
    folder = folder_of(results, run_config, "squeezenet1_1", "x") / "accuracy"
    labels = pd.read_csv(folder / "1-of-1.csv")["label"]
    assert labels.nunique() > 1 and labels.max() > 10
