"""Saturated and fragile gradients in the results of the smoke run."""

from __future__ import annotations

import pandas as pd

from experiments.saturation.summary import summarise
from experiments.tables import LABELS
from tests.pipeline.helpers import folder_of, nets_of, read_table, settings_of

NUMBERS = ["bend_percent", "turn_path", "turn_walk", "derivative_percent"]


def test_the_table_has_every_net_and_no_gaps(results, run_config):
    frame = read_table(results, "saturation")
    assert list(frame.columns) == [*LABELS, *NUMBERS, "n_images"]
    assert not frame.isna().any(axis=None)
    nets = list(zip(frame["network"], frame["variant"], strict=True))
    assert nets == nets_of(run_config, "saturation")
    for network, n_images in zip(frame["network"], frame["n_images"], strict=True):
        assert n_images == settings_of(run_config, "saturation", network).n_images


def test_paths_of_x_nets_are_straight_and_those_of_others_are_not(results):
    frame = read_table(results, "saturation").set_index("variant")
    assert (frame.loc[["x"], ["bend_percent", "turn_path"]] < 1e-9).all(axis=None)
    assert (frame.loc[["regular"], ["bend_percent", "turn_path"]] > 1e-6).all(axis=None)


def test_the_table_is_the_summary_of_the_rows(results, run_config):
    frame = read_table(results, "saturation").set_index(["network", "variant"])
    for net in nets_of(run_config, "saturation"):
        folder = folder_of(results, run_config, *net) / "saturation"
        rows = pd.concat(map(pd.read_csv, sorted(folder.glob("*.csv"))))
        summary = summarise(rows.drop(columns=list(LABELS)))
        for name in NUMBERS:
            assert frame.loc[net, name] == summary[name][0]
