"""Shared by the tests of the results."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pandas as pd


def read_table(results: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(results / "tables" / f"{name}.csv")


def shown_in_notebook(results: Path, name: str) -> str:
    """Return all outputs of an executed notebook as one text."""
    notebook = nbformat.read(results / "tables" / f"{name}.ipynb", as_version=4)
    return str([cell.get("outputs") for cell in notebook.cells])
