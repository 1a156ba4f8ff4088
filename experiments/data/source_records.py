"""The record of where the files of a data set came from."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from experiments.data.fetch import PRESENT, FetchedFile
from experiments.data.lock_files import exclusive
from experiments.intermediates import DamagedFileError, read_json
from experiments.writing import write_text

__all__ = ["keep_sources"]


def keep_sources(
    dataset: str, folder: str | Path, files: Iterable[FetchedFile], path: str | Path
) -> dict[str, Any]:
    """Record the files of a data set, along with others of it that are on record.

    Jobs that fetch different files of a data set at the same time wait for each other.

    Parameters
    ----------
    dataset : str
        Its name.
    folder : path
        Where the files are; the record has their paths as they follow from it, relative or not.
    files : iterable of FetchedFile
        The files.
    path : path
        The record, whose folder is created. An earlier one knows the sources of files that have
        been there since.

    Returns
    -------
    dict
        ``dataset``, and ``files`` with the fields of `FetchedFile`, JSON-serialisable: of the given
        files alone.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with exclusive(path.parent):
        known: dict[str, dict[str, Any]] = {}
        with suppress(DamagedFileError):
            known = {file["name"]: file for file in read_json(path)["files"]}
        rows = []
        for file in files:
            row = {**asdict(file), "path": str(Path(folder) / file.name)}
            before = known.get(file.name, row)
            if file.source == PRESENT and before["digest"] == file.digest:
                row["source"] = before["source"]
            rows.append(row)
        together = {**known, **{row["name"]: row for row in rows}}
        everything = {"dataset": dataset, "files": [together[name] for name in sorted(together)]}
        write_text(path, json.dumps(everything, indent=2, sort_keys=True) + "\n")
    return {"dataset": dataset, "files": rows}
