"""Nets of degree above one in the results of the smoke run."""

from __future__ import annotations

import pandas as pd
import pytest

from experiments.degree.names import NETS
from tests.pipeline.helpers import read_table


def test_the_table_has_every_net_with_its_degree(results, run_config):
    frame = read_table(results, "degree")
    assert frame["net"].tolist() == run_config["degree"]["nets"]
    assert frame["degree"].tolist() == [NETS[net].degree for net in frame["net"]]
    assert not frame.isna().any(axis=None)
    assert (frame["n_images"] == run_config["degree"]["n_images"]).all()


def test_the_closed_form_is_exact_and_input_x_gradient_k_times_too_large(results):
    frame = read_table(results, "degree")
    assert (frame[["closed_form_percent", "degree_error"]] < 1e-8).all(axis=None)
    expected = 100.0 * (frame["degree"] - 1)
    assert frame["input_x_gradient_percent"].tolist() == pytest.approx(expected.tolist())


def test_the_nets_were_trained(results, run_config):
    for net in run_config["degree"]["nets"]:
        history = pd.read_csv(results / "fashion_mnist/degree" / net / "history.csv")
        assert history["validation_top1"].iloc[-1] > history["validation_top1"].iloc[0]
