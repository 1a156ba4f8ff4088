"""Shared by the tests of the results."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pandas as pd

from experiments.config import check_config, experiment_names


def settings_of(run_config: dict, experiment: str, network: str):
    """Return the settings with which an experiment measured a net."""
    return check_config(run_config).settings_of(experiment, network)


def nets_of(run_config: dict, experiment: str) -> list[tuple[str, str]]:
    """Return name and variant of the nets that an experiment measured, in order."""
    config = check_config(run_config)
    return [
        (network, variant)
        for network in config.networks_of(experiment)
        for variant in config.variants_of(experiment, network)
    ]


def folder_of(results: Path, run_config: dict, network: str, variant: str) -> Path:
    """Return the folder of a net."""
    return results / run_config["networks"][network]["dataset"] / f"{network}-{variant}"


def of_run(name: str, run_config: dict) -> bool:
    """Whether a table, a figure or a notebook belongs to an experiment of the run."""
    left_out = set(experiment_names()) - set(check_config(run_config).chosen)
    return not any(re.match(f"{experiment}(_|$)", name) for experiment in left_out)


def read_table(results: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(results / "tables" / f"{name}.csv")


def shown_in_notebook(results: Path, name: str) -> str:
    """Return all outputs of an executed notebook as one text."""
    notebook = nbformat.read(results / "tables" / f"{name}.ipynb", as_version=4)
    return str([cell.get("outputs") for cell in notebook.cells])
