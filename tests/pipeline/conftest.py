"""The results of the smoke run: run it first, as `make smoke` does."""

from __future__ import annotations

import pytest
import yaml


@pytest.fixture(scope="session")
def results(root):
    """Return the folder of the results."""
    path = root / "results" / "smoke"
    if not (path / "report.html").is_file():
        pytest.fail("no smoke run: snakemake --cores all --configfile config/smoke.yaml")
    return path


@pytest.fixture(scope="session")
def run_config(results):
    """Return the configuration of the run, overlays merged."""
    return yaml.safe_load((results / "config.yaml").read_text())
