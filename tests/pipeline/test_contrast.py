"""Accuracy against contrast in the results of the smoke run."""

from __future__ import annotations

from experiments.tables import LABELS
from tests.pipeline.helpers import nets_of, read_table, settings_of

COLUMNS = [*LABELS, "alpha", "top1", "n_images"]


def test_the_table_has_every_net_and_contrast_and_no_gaps(results, run_config):
    frame = read_table(results, "contrast")
    settings = run_config["contrast"]
    assert list(frame.columns) == COLUMNS and not frame.isna().any().any()
    rows = list(zip(frame["network"], frame["variant"], frame["alpha"], strict=True))
    assert rows == [
        (*net, alpha) for net in nets_of(run_config, "contrast") for alpha in settings["alphas"]
    ]
    for network, n_images in zip(frame["network"], frame["n_images"], strict=True):
        assert n_images == settings_of(run_config, "contrast", network).n_images


def test_accuracy_of_x_nets_does_not_depend_on_contrast(results):
    frame = read_table(results, "contrast")
    assert (frame[frame["variant"] == "x"].groupby("network")["top1"].nunique() == 1).all()


def test_at_full_contrast_it_is_the_accuracy(results):
    contrast = read_table(results, "contrast")
    accuracy = read_table(results, "accuracy")
    keys = [*LABELS, "n_images"]
    both = contrast[contrast["alpha"] == 1.0].merge(accuracy, on=keys)
    assert len(both) >= 4
    assert (both["top1_x"] == both["top1_y"]).all()
