"""The record of where the files of a data set came from."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from experiments.data.fetch import PRESENT, FetchedFile
from experiments.intermediates import DamagedFileError, read_json

__all__ = ["source_record"]


def source_record(
    dataset: str, folder: str | Path, files: Iterable[FetchedFile], earlier: str | Path
) -> dict[str, Any]:
    """Return the record of the files of a data set.

    Parameters
    ----------
    dataset : str
        Its name.
    folder : path
        Where the files are; the record has their paths as they follow from it, relative or not.
    files : iterable of FetchedFile
        The files.
    earlier : path
        The last record, if there is one: it knows the sources of files that have been there since.

    Returns
    -------
    dict
        ``dataset``, and ``files`` with the fields of `FetchedFile`, JSON-serialisable.
    """
    known: dict[tuple[str, str], str] = {}
    with suppress(DamagedFileError):
        known = {
            (file["name"], file["digest"]): file["source"] for file in read_json(earlier)["files"]
        }
    rows = []
    for file in files:
        row = {**asdict(file), "path": str(Path(folder) / file.name)}
        if file.source == PRESENT:
            row["source"] = known.get((file.name, file.digest), PRESENT)
        rows.append(row)
    return {"dataset": dataset, "files": rows}
