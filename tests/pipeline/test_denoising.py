"""The denoisers in the results of the smoke run."""

from __future__ import annotations

import pandas as pd

from experiments.denoising.names import NETS
from experiments.denoising.summary import summarise
from tests.pipeline.helpers import read_table, shown_in_notebook

EXACT = ["contrast_percent", "net_bias_percent", "sum_percent", "ig_percent"]


def test_the_table_has_both_nets_at_every_noise(results, run_config):
    frame, settings = read_table(results, "denoising"), run_config["denoising"]
    rows = list(zip(frame["net"], frame["noise"], strict=True))
    assert rows == [(net, noise) for net in NETS for noise in settings["noise"]]
    assert not frame.isna().any(axis=None)
    assert (frame["n_images"] == settings["n_images"]).all()
    assert (frame["n_filters"] == settings["n_explained"] * settings["n_pixels"]).all()
    assert set(frame["range"]) == {"trained", "above"}


def test_what_is_exact_without_biases_is_not_with_them(results):
    frame = read_table(results, "denoising").set_index("net")
    assert (frame.loc["bias_free", EXACT] < 1e-9).all(axis=None)
    assert (frame.loc["with_biases", EXACT] > 1e-3).all(axis=None)


def test_both_nets_see_the_same_noise(results):
    frame = read_table(results, "denoising").pivot(index="noise", columns="net", values="psnr_in")
    assert frame["bias_free"].equals(frame["with_biases"])
    histories = [
        pd.read_csv(results / "fashion_mnist/denoising" / net / "history.csv") for net in NETS
    ]
    for history in histories:
        assert history["validation_psnr"].iloc[-1] > history["validation_psnr"].iloc[0]


def test_the_table_is_the_summary_of_the_rows(results, run_config):
    frame = read_table(results, "denoising").set_index("net")
    for net in NETS:
        folder = results / "fashion_mnist/denoising" / net
        tables = (pd.read_csv(folder / f"{name}.csv") for name in ("restored", "filters"))
        summary = summarise(*tables, run_config["denoising"]["trained_up_to"])
        pd.testing.assert_frame_equal(
            frame.loc[[net]].reset_index(drop=True), summary, check_dtype=False
        )


def test_no_checkpoint_is_left(results):
    assert not list((results / "fashion_mnist/denoising").rglob("*.ckpt"))


def test_the_notebook_names_both_nets(results):
    shown = shown_in_notebook(results, "denoising")
    assert all(name in shown for name in NETS.values())
