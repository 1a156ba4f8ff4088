"""The table that the prior experiment trains on: fetched, perhaps another one, and kept as CSV."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from experiments.attribution_prior.nhanes import MortalityTable, nhanes, nhanes18, nhefs
from experiments.data.catalogue import ExternalDataset
from experiments.data.fetch import FetchedFile, FetchError, fetch_dataset

__all__ = ["FetchedTable", "fetch_table", "read_table", "table_facts", "write_table"]

LABEL = "died"
"""Name of the column of labels in the CSV file."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FetchedTable:
    """A table of features and mortality, and how it came to be this one.

    Parameters
    ----------
    table : MortalityTable
        The table.
    files : tuple of FetchedFile
        What it was read from.
    reason : str or None
        Why it is the fallback; None if it is the table that was asked for.
    """

    table: MortalityTable
    files: tuple[FetchedFile, ...]
    reason: str | None


def fetch_table(
    external: Mapping[str, ExternalDataset],
    dataset: str,
    fallback: str | None,
    data: str | Path,
    drop: Sequence[Mapping[str, str]],
    horizon: float,
) -> FetchedTable:
    """Fetch and read a data set; where its files cannot be had, the one that stands in for it.

    Parameters
    ----------
    external : mapping of str to ExternalDataset
        The table of external files.
    dataset : {"nhefs", "nhanes", "nhanes18"}
        What is wanted.
    fallback : str or None
        What to take if no source delivers ``dataset``; None: fail.
    data : str or Path
        Folder of the downloaded files, one subfolder per data set.
    drop : sequence of mapping
        Columns of nhefs that are no features, each as ``{"column": ..., "reason": ...}``.
    horizon : float
        Years within which a death counts, for nhanes18.

    Returns
    -------
    FetchedTable
        The table, with the reason if it is the fallback.

    Raises
    ------
    FetchError
        If neither can be had. Files that are there and wrong are never used.
    """
    reason = None
    try:
        files = fetch_dataset(external[dataset], Path(data) / dataset)
    except FetchError as error:
        if fallback is None:
            raise
        reason = str(error)
        logger.warning(
            "%s cannot be had, so that attribution_prior.fallback is used instead: %s\n%s",
            dataset,
            fallback,
            reason,
        )
        dataset = fallback
        files = fetch_dataset(external[dataset], Path(data) / dataset)
    readers = {
        "nhefs": lambda path: nhefs(path, drop),
        "nhanes": nhanes,
        "nhanes18": lambda *paths: nhanes18(*paths, horizon=horizon),
    }
    table = readers[dataset](*(file.path for file in files))
    return FetchedTable(table, tuple(files), reason)


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
    frame.to_csv(path, index=False)


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
    """
    frame = pd.read_csv(path)
    labels = frame.pop(LABEL).to_numpy(dtype=np.int64)
    return frame.to_numpy(dtype=np.float64), labels, tuple(frame.columns)


def table_facts(fetched: FetchedTable, requested: str) -> dict[str, Any]:
    """Say what the table is and where it comes from, JSON-serialisable."""
    table = fetched.table
    return {
        "dataset": table.name,
        "requested_dataset": requested,
        "fallback_reason": fetched.reason,
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
