"""Files that one job of a run writes and a later one reads: what is damaged is named.

A disk that was full, a copy that broke off or an editor may leave anything in their place. They can
be made again, so every error says how.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pandas as pd
from safetensors import SafetensorError, safe_open

__all__ = ["MAKE_AGAIN", "DamagedFileError", "Entries", "read_json", "read_table", "read_tensors"]

MAKE_AGAIN = "delete it and run snakemake again"
"""What to do about a damaged file that a job made."""


class DamagedFileError(ValueError):
    """A file does not hold what was written to it; the message names it and says what to do."""

    def __init__(self, path: str | Path, problem: str, remedy: str = MAKE_AGAIN) -> None:
        super().__init__(f"{path} {problem}: {remedy}")


@contextmanager
def _naming(path: str | Path, what: str, remedy: str) -> Iterator[None]:
    """Name the file in the errors of its reader."""
    try:
        yield
    except DamagedFileError:
        raise
    except FileNotFoundError as error:
        remedy = "run snakemake again" if remedy == MAKE_AGAIN else remedy
        raise DamagedFileError(path, "does not exist", remedy) from error
    except OSError as error:
        said = error.strerror or str(error)
        raise DamagedFileError(path, f"cannot be read ({said})", remedy) from error
    # What the readers raise about other files than theirs.
    except (ValueError, KeyError, TypeError, OverflowError, SafetensorError, csv.Error) as error:
        said = " ".join(str(error).split())[:200]
        raise DamagedFileError(path, f"is no {what} ({said})", remedy) from error


def read_table(
    path: str | Path,
    columns: Collection[str] = (),
    numbers: Collection[str] | None = (),
    remedy: str = MAKE_AGAIN,
    **options: Any,
) -> pd.DataFrame:
    """Read a table that `pandas.DataFrame.to_csv` wrote without an index.

    Parameters
    ----------
    path : path
        The CSV file.
    columns : collection of str
        Columns that it must have; there may be others.
    numbers : collection of str
        Columns that it must have and that hold numbers, missing ones included; None: all.
    remedy : str
        What the error says to do.
    **options
        Of `pandas.read_csv`.

    Returns
    -------
    pandas.DataFrame
        The table.

    Raises
    ------
    DamagedFileError
        If there is no such file, it is no such table or is cut off, or a column is missing or holds
        something else than numbers; or if the job that wrote it has left the digest of another
        content beside it.
    """
    with _naming(path, "table", remedy):
        frame = pd.read_csv(path, **options)
        recorded = _recorded_digest(Path(path))
        if recorded is not None and hashlib.sha256(Path(path).read_bytes()).hexdigest() != recorded:
            raise DamagedFileError(path, "is not as its job wrote it", remedy)
        with open(path, "rb") as file:
            # Every line ends with a line feed, the last one too: a number that lost its last digits
            # would be another number.
            if file.seek(0, os.SEEK_END) and (file.seek(-1, os.SEEK_END), file.read(1))[1] != b"\n":
                raise DamagedFileError(path, "is cut off in its last line", remedy)
    numbers = list(frame.columns) if numbers is None else numbers
    missing = [name for name in (*columns, *numbers) if name not in frame.columns]
    if missing:
        listed = ", ".join(map(repr, missing))
        raise DamagedFileError(path, f"has no column {listed}", remedy)
    for name in numbers:
        # A table without rows has no types.
        if len(frame) and not pd.api.types.is_numeric_dtype(frame[name]):
            wrong = pd.to_numeric(frame[name], errors="coerce").isna() & frame[name].notna()
            line = int(wrong.to_numpy().argmax()) + 2
            raise DamagedFileError(path, f"has no number in column {name!r} of line {line}", remedy)
    return frame


class Entries(dict[str, Any]):
    """What a file holds by name; a name that it lacks is an error that names the file.

    Parameters
    ----------
    values : mapping
        What it holds.
    path : path
        The file.
    kind : str
        What the values are, for the message.
    remedy : str
        What the error says to do.
    """

    def __init__(
        self, values: Mapping[str, Any], path: str | Path, kind: str, remedy: str = MAKE_AGAIN
    ) -> None:
        super().__init__(values)
        self._path, self._kind, self._remedy = path, kind, remedy

    def __missing__(self, name: str) -> Any:
        """Name the file."""
        raise DamagedFileError(self._path, f"has no {self._kind} {name!r}", self._remedy)


def _recorded_digest(path: Path) -> str | None:
    """Return the digest of a table in the facts that its job wrote beside it, if they have one."""
    own = path.with_suffix(".json")
    for facts in [own] if own.exists() else sorted(path.parent.glob("*.json")):
        # Whoever needs the facts says what is wrong with them.
        with suppress(ValueError, KeyError, TypeError, OSError):
            return str(json.loads(facts.read_text(encoding="utf-8"))["outputs"][path.name])
    return None


def read_json(path: str | Path, remedy: str = MAKE_AGAIN) -> dict[str, Any]:
    """Read the facts of a job.

    Parameters
    ----------
    path : path
        The JSON file, an object.
    remedy : str
        What the error says to do.

    Returns
    -------
    dict
        The object; it and the objects in it raise `DamagedFileError` where a key is missing.

    Raises
    ------
    DamagedFileError
        If there is no such file, or it holds something else.
    """
    with _naming(path, "JSON file of a job", remedy):
        found = json.loads(
            Path(path).read_text(encoding="utf-8"),
            object_hook=lambda values: Entries(values, path, "entry", remedy),
        )
        if not isinstance(found, dict):
            raise ValueError(f"it holds a {type(found).__name__}")
    return found


def read_tensors(
    path: str | Path, framework: str = "pt", header: Collection[str] = ()
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read a safetensors file whose header holds JSON.

    Parameters
    ----------
    path : path
        The file.
    framework : {"pt", "np"}
        Whether to return tensors of PyTorch or arrays of NumPy.
    header : collection of str
        Entries of its header, written as JSON.

    Returns
    -------
    tensors : dict
        By name, sorted; it raises `DamagedFileError` where a name is missing.
    header : dict
        The entries by name.

    Raises
    ------
    DamagedFileError
        If there is no such file, it is something else, or an entry is missing.
    """
    with _naming(path, "safetensors file", MAKE_AGAIN):
        with safe_open(str(path), framework=framework) as file:
            texts = Entries(file.metadata() or {}, path, "entry in its header")
            tensors = {name: file.get_tensor(name) for name in sorted(file.keys())}
        entries = {name: json.loads(texts[name]) for name in header}
    return Entries(tensors, path, "tensor"), entries
