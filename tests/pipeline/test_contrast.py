"""Accuracy against contrast in the results of the smoke run."""

from __future__ import annotations

from tests.pipeline.helpers import read_table

COLUMNS = ["dataset", "arch", "variant", "alpha", "top1", "n_images"]


def test_the_table_has_every_net_and_contrast_and_no_gaps(results, run_config):
    frame = read_table(results, "contrast")
    settings = run_config["contrast"]
    assert list(frame.columns) == COLUMNS and not frame.isna().any().any()
    rows = list(zip(frame["arch"], frame["variant"], frame["alpha"], strict=True))
    assert rows == [
        (arch, variant, alpha)
        for arch in run_config["networks"]["architectures"]
        for variant in settings["variants"]
        for alpha in settings["alphas"]
    ]
    assert (frame["n_images"] == settings["n_images"]).all()


def test_accuracy_of_x_nets_does_not_depend_on_contrast(results):
    frame = read_table(results, "contrast")
    assert (frame[frame["variant"] == "x"].groupby("arch")["top1"].nunique() == 1).all()


def test_at_full_contrast_it_is_the_accuracy(results):
    contrast = read_table(results, "contrast")
    accuracy = read_table(results, "accuracy")
    keys = ["dataset", "arch", "variant", "n_images"]
    both = contrast[contrast["alpha"] == 1.0].merge(accuracy, on=keys)
    assert len(both) >= 4
    assert (both["top1_x"] == both["top1_y"]).all()
