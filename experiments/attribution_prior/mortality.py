"""The table that the prior experiment trains on: downloaded, or its fallback, and stored as CSV."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from experiments import intermediates
from experiments.attribution_prior.table import MortalityTable, read_mortality
from experiments.data.catalogue import Dataset
from experiments.data.fetch import FetchedFile, FetchError, fetch_dataset
from experiments.writing import write_csv

__all__ = ["FetchedTable", "fetch_table", "read_table", "table_facts", "write_table"]

LABEL = "died"
"""Name of the column of labels in the CSV file."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FetchedTable:
    """A table of features and mortality, with its provenance.

    Parameters
    ----------
    dataset : Dataset
        The entry of the catalogue that was read.
    table : MortalityTable
        The table.
    files : tuple of FetchedFile
        The files that it was read from.
    reason : str or None
        Why the fallback was used; None if this is the configured table.
    """

    dataset: Dataset
    table: MortalityTable
    files: tuple[FetchedFile, ...]
    reason: str | None


def fetch_table(dataset: Dataset, fallback: Dataset | None, data: str | Path) -> FetchedTable:
    """Fetch and read a data set, or its fallback if the files cannot be fetched.

    Parameters
    ----------
    dataset : Dataset
        The configured data set, with a section ``mortality``.
    fallback : Dataset or None
        Used instead if no source delivers ``dataset``; None: fail.
    data : str or Path
        Folder of the downloaded files, one subfolder per data set.

    Returns
    -------
    FetchedTable
        The table, with the reason if it is the fallback.

    Raises
    ------
    FetchError
        If neither can be fetched. Files that are present and wrong are never used.
    """
    reason = None
    try:
        files = fetch_dataset(dataset, Path(data) / dataset.name)
    except FetchError as error:
        if fallback is None:
            raise
        reason = str(error)
        logger.warning(
            "could not fetch %s; using attribution_prior.fallback: %s\n%s",
            dataset.name,
            fallback.name,
            reason,
        )
        dataset = fallback
        files = fetch_dataset(dataset, Path(data) / dataset.name)
    table = read_mortality(dataset, Path(data) / dataset.name)
    return FetchedTable(dataset, table, tuple(files), reason)


def write_table(path: str | Path, table: MortalityTable) -> None:
    """Write a row per participant: the label, then the features, with every digit.

    Raises
    ------
    ValueError
        If a feature has the name of the label.
    """
    if LABEL in table.feature_names:
        raise ValueError(f"{table.name}: a feature is named {LABEL}, as is the column of labels")
    frame = pd.DataFrame(table.features, columns=list(table.feature_names))
    frame.insert(0, LABEL, table.labels)
    write_csv(path, frame)


def read_table(path: str | Path) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Read what `write_table` wrote, to the last bit.

    Returns
    -------
    features : numpy.ndarray of shape (n, F), float64
        nan where a value is missing.
    labels : numpy.ndarray of shape (n,), int64
        1 died, 0 survived.
    feature_names : tuple of str
        In the order of the columns.

    Raises
    ------
    DamagedFileError
        If the file holds something else.
    """
    frame = intermediates.read_table(path, columns=[LABEL], numbers=None)
    labels = frame.pop(LABEL)
    if not labels.isin([0, 1]).all():
        raise intermediates.DamagedFileError(path, f"has another {LABEL} than 0 and 1")
    return frame.to_numpy(dtype=np.float64), labels.to_numpy(dtype=np.int64), tuple(frame.columns)


def table_facts(fetched: FetchedTable, requested: str) -> dict[str, Any]:
    """Describe the table and its provenance, JSON-serialisable."""
    table, section = fetched.table, fetched.dataset.mortality
    assert section is not None  # the table was read as this section describes
    return {
        "dataset": table.name,
        "requested_dataset": requested,
        "fallback_reason": fetched.reason,
        "period": section.labels.period,
        "note": section.note,
        "n_rows": len(table.labels),
        "n_deaths": int(table.labels.sum()),
        "n_features": len(table.feature_names),
        "dropped_columns": dict(table.dropped),
        "excluded_rows": dict(table.excluded),
        "files": [
            {"name": file.name, "size": file.size, "digest": file.digest, "source": file.source}
            for file in fetched.files
        ],
    }
