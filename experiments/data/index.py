"""The index of a split of image files: which file has which label, as a table."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from experiments.intermediates import DamagedFileError, read_json, read_table
from experiments.writing import write_csv, write_text

__all__ = ["Index", "read_index", "spread", "write_index"]


@dataclass(frozen=True)
class Index:
    """Image files with their labels.

    Parameters
    ----------
    folder : Path
        Folder that the paths are relative to.
    paths : numpy.ndarray
        Strings (N,). An array of the variable-width string type: a Python string for each of more
        than a million files would be copied into every worker process, page by page.
    labels : numpy.ndarray
        int64 (N,).
    facts : dict
        JSON-serialisable; ``class_names`` among them.
    source : Path, optional
        The file that it was read from.
    """

    folder: Path
    paths: np.ndarray
    labels: np.ndarray
    facts: dict[str, Any]
    source: Path | None = None

    def __len__(self) -> int:
        """Return the number of files."""
        return len(self.labels)

    def path(self, position: int) -> Path:
        """Return the path of one file."""
        return self.folder / str(self.paths[position])

    def select(self, positions: Sequence[int] | np.ndarray) -> Index:
        """Return the index of some of the files, in the given order."""
        chosen = np.asarray(positions, dtype=np.int64)
        return replace(self, paths=self.paths[chosen], labels=self.labels[chosen])


def _facts_path(path: str | Path) -> Path:
    return Path(path).with_suffix(".json")


def write_index(
    path: str | Path,
    rows: Sequence[tuple[str, int]],
    folder: str | Path,
    facts: dict[str, Any],
) -> None:
    """Write an index: a CSV file of the rows, and next to it a JSON file of what they share.

    Parameters
    ----------
    path : str or Path
        The CSV file, columns ``path`` and ``label``. The JSON file has the same name but for its
        suffix.
    rows : sequence of tuple of str and int
        Path relative to the folder, and label, as of `experiments.data.folders.scan_folder`.
    folder : str or Path
        The folder; if relative, to the working directory.
    facts : dict
        JSON-serialisable; ``class_names`` among them.
    """
    table = pd.DataFrame(rows, columns=["path", "label"])
    write_csv(path, table)
    shared = {"folder": os.fspath(folder), "facts": facts}
    write_text(_facts_path(path), json.dumps(shared, indent=1) + "\n")


def read_index(path: str | Path) -> Index:
    """Read an index written by `write_index`.

    Raises
    ------
    DamagedFileError
        If the file is not such an index.
    """
    remedy = f"delete {Path(path).name} and {_facts_path(path).name} there, and run snakemake again"
    try:
        shared = read_json(_facts_path(path), remedy)
        table = read_table(
            path,
            ["path", "label"],
            remedy=remedy,
            usecols=["path", "label"],
            dtype={"path": str, "label": np.int64},
            keep_default_na=False,
        )
        folder, facts = Path(shared["folder"]), shared["facts"]
        if table.empty or not isinstance(facts, dict):
            raise ValueError("no images")
    except DamagedFileError:
        raise
    except (ValueError, TypeError) as error:
        raise DamagedFileError(path, f"is not an index of images ({error})", remedy) from error
    paths = np.array(table["path"].to_numpy(), dtype=np.dtypes.StringDType())
    return Index(folder, paths, table["label"].to_numpy(copy=True), facts, Path(path))


def spread(n_total: int, n: int) -> list[int]:
    """Return n evenly spread positions of n_total: ``floor(i * n_total / n)``.

    The first n of images that are sorted by class would all be of the first class.

    Raises
    ------
    ValueError
        If there are fewer than n.
    """
    if not 1 <= n <= n_total:
        raise ValueError(f"{n} images requested, but the data set has {n_total}")
    return [i * n_total // n for i in range(n)]
