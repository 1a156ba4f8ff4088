"""Baselines and the zero of the normalisation in the results of the smoke run."""

from __future__ import annotations

import pandas as pd
import pytest

from experiments.baselines.names import BASELINES
from experiments.baselines.normalisation import fixed
from experiments.baselines.summary import NORMALISATION
from experiments.tables import LABELS
from tests.pipeline.helpers import folder_of, nets_of, read_table, settings_of, shown_in_notebook


@pytest.fixture(scope="module")
def table(results):
    return read_table(results, "baselines")


def test_the_table_has_every_net_and_baseline_and_no_gaps(table, run_config):
    assert not table.isna().any(axis=None)
    groups = table.groupby(["network", "variant"], sort=False)
    assert list(groups.groups) == nets_of(run_config, "baselines")
    for (network, _), rows in groups:
        settings = settings_of(run_config, "baselines", network)
        assert tuple(rows["baseline"]) == settings.compared
        assert (rows["n_images"] == settings.n_images).all()


def test_one_gradient_is_enough_for_x_nets_from_zero_alone(table):
    zero = (table["variant"] == "x") & (table["baseline"] == "zero")
    assert zero.any()
    assert (table.loc[zero, "closed_form_percent"] < 1e-9).all()
    assert (table.loc[~zero, "closed_form_percent"] > 1e-3).all()
    moved = table["baseline"] != "zero"
    assert (table.loc[moved, "relative_percent"] > 1e-3).all()
    assert (table.loc[~moved, "relative_percent"] == 0).all()


def test_the_table_is_the_mean_over_the_images(results, table, run_config):
    for (network, variant), rows in table.groupby(["network", "variant"]):
        folder = folder_of(results, run_config, network, variant) / "baselines"
        images = pd.concat(map(pd.read_csv, sorted(folder.glob("*-of-?.csv"))))
        means = images.drop(columns=list(LABELS)).groupby("baseline").mean()
        for name in ("relative_percent", "rank_correlation", "KPM", "KNM", "KAM", "RAM"):
            found = rows.set_index("baseline")[name].to_dict()
            assert found == pytest.approx(means[name].to_dict())


def test_every_replacement_meets_every_baseline(results, run_config):
    table = read_table(results, "baselines_replacement")
    assert not table.isna().any(axis=None)
    groups = table.groupby(["network", "variant"], sort=False)
    assert list(groups.groups) == nets_of(run_config, "baselines")
    for (network, _), rows in groups:
        settings = settings_of(run_config, "baselines", network)
        replacements = [key for key in settings.compared if not BASELINES[key].averaged]
        found = list(zip(rows["replacement"], rows["baseline"], strict=True))
        assert found == [(one, other) for one in replacements for other in settings.compared]
        assert (rows["n_images"] == settings.replacement_images).all()


def test_x_gradient_has_the_zero_of_the_normalisation(results, run_config):
    table = read_table(results, "baselines_normalisation")
    assert list(table.columns) == [*LABELS, *NORMALISATION]
    groups = table.groupby(["network", "variant"], sort=False)
    nets = [net for net in nets_of(run_config, "baselines") if net[1] != "regular"]
    assert list(groups.groups) == nets
    for (network, _), rows in groups:
        settings = settings_of(run_config, "baselines", network)
        assert list(rows["baseline"]) == fixed(settings.compared)
        assert (rows["n_images"] == settings.n_images).all()
    assert (table[["identity_percent", "same_function_percent"]] < 1e-9).all(axis=None)
    assert (table.loc[table["baseline"] != "zero", "relative_percent"] > 1e-3).all()


def test_the_notebook_has_all_three_tables(results):
    shown = shown_in_notebook(results, "baselines")
    for words in ("moved from zero", "masked pixels become", "zero of the normalisation"):
        assert words in shown
