"""Tables from measurements: reading, labelling, exporting."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype
from pandas.io.formats.style import Styler

from experiments.intermediates import DamagedFileError, read_json, read_table
from experiments.markup import latex_text, markdown_cell, markdown_text
from experiments.writing import write_text

__all__ = [
    "LABELS",
    "export_table",
    "job_facts",
    "label_rows",
    "number",
    "provenance",
    "read_measurements",
    "summarise_nets",
    "whole",
]

LABELS = ("dataset", "network", "architecture", "variant")
"""Columns that identify a net, in front of its measurements."""


def read_measurements(paths: Sequence[str]) -> pd.DataFrame:
    """Read the measurements of several nets into one table, in the order of the files.

    A file without rows, of a shard that had nothing to do, adds none. Measurements are numbers and
    the names of what was measured: a missing value or one that is not finite is no measurement,
    nor is the same row twice, nor a net that the name of the file's folder does not tell.

    Raises
    ------
    ValueError
        If no files are given, the files have different columns, no file has any rows, or a file
        holds something else than measurements; the message names the file.
    """
    if not paths:
        raise ValueError("no measurements given: run this notebook through Snakemake")
    frames = {path: read_table(path) for path in paths}
    # The columns that most files have: the fault is with the others.
    headers = [tuple(frame.columns) for frame in frames.values()]
    columns = max(headers, key=headers.count)
    for path, frame in frames.items():
        if tuple(frame.columns) != columns:
            raise DamagedFileError(
                path, f"has the columns {list(frame.columns)}, not {list(columns)}"
            )
    filled = {path: frame for path, frame in frames.items() if not frame.empty}
    if not filled:
        raise DamagedFileError(
            ", ".join(paths), "hold no measurements", "delete them and run snakemake again"
        )
    for path, frame in filled.items():
        problem = _problem(path, frame)
        if problem is not None:
            raise DamagedFileError(path, problem)
    _check_types(filled)
    measurements = pd.concat(filled.values(), ignore_index=True)
    measurements.attrs["files"] = list(paths)
    return measurements


def _check_types(frames: Mapping[str, pd.DataFrame]) -> None:
    """Refuse a file that has text where the others have numbers."""
    for name in next(iter(frames.values())).columns:
        kinds = {path: is_numeric_dtype(frame[name]) for path, frame in frames.items()}
        usual = sum(kinds.values()) * 2 >= len(kinds)
        for path, numeric in kinds.items():
            if numeric != usual:
                said = "numbers" if numeric else "text"
                raise DamagedFileError(path, f"holds {said} in column {name!r}, unlike the others")


def _problem(path: str, frame: pd.DataFrame) -> str | None:
    """Say what makes a table no table of measurements; None if it is one."""
    strange = [str(name) for name in frame if not str(name).isidentifier()]
    if strange:
        return f"is no table of measurements, with a column {strange[0][:40]!r}"
    numbers = frame.select_dtypes("number")
    for name, column in frame.items():
        wrong = ~np.isfinite(column) if name in numbers else column.isna()
        if wrong.any():
            return f"has no finite value of {name!r} in line {_line(wrong)}"
    texts = frame.select_dtypes(exclude=["number", "bool"])
    for name in texts.columns.difference(list(LABELS)):
        no_number = pd.to_numeric(frame[name], errors="coerce").isna()
        wrong = no_number & ~frame[name].astype(str).isin(["True", "False"])
        if not wrong.all():
            return f"holds text among other values in column {name!r}: see line {_line(wrong)}"
    if frame.duplicated().any():
        return f"has the same row twice, the second time in line {_line(frame.duplicated())}"
    if set(LABELS) <= set(frame.columns):
        nets = frame[["dataset", "network", "variant"]].drop_duplicates()
        for dataset, network, variant in nets.itertuples(index=False):
            if not {dataset, f"{network}-{variant}"} <= set(Path(path).parts):
                return f"has rows of {network}-{variant} on {dataset}, not of the net of its folder"
    return None


def _line(wrong: pd.Series) -> int:
    """Return the first line with a mistake, as an editor counts, below the line of the names."""
    return int(wrong.to_numpy().argmax()) + 2


def label_rows(frame: pd.DataFrame, **labels: str) -> pd.DataFrame:
    """Put columns with constant labels in front of a table."""
    return pd.concat(
        [pd.DataFrame(labels, index=frame.index, columns=list(labels)), frame], axis="columns"
    )


def summarise_nets(
    rows: pd.DataFrame, summarise: Callable[[pd.DataFrame], pd.DataFrame]
) -> pd.DataFrame:
    """Summarise the rows of several nets.

    Parameters
    ----------
    rows : pandas.DataFrame
        Measurements, with `LABELS` in front of them.
    summarise : callable
        Takes the rows of one net without its labels, and returns the rows of the table.

    Returns
    -------
    pandas.DataFrame
        `LABELS` and the columns of the summary; nets in the order of their first row.

    Raises
    ------
    DamagedFileError
        If the measurements lack a column.
    """
    tables: list[pd.DataFrame] = []
    try:
        for keys, own in rows.groupby(list(LABELS), sort=False):
            labels = dict(zip(LABELS, map(str, keys), strict=True))
            tables.append(label_rows(summarise(own.drop(columns=list(LABELS))), **labels))
    except KeyError as error:
        files = ", ".join(rows.attrs.get("files", ["the table"]))
        raise DamagedFileError(files, f"has no column {error}") from error
    return pd.concat(tables, ignore_index=True)


def number(value: float, digits: int = 3) -> str:
    """Format a number with a few significant digits, tiny ones in powers of ten.

    A missing value is a dash.
    """
    if pd.isna(value):
        return "–"
    if value == 0 or 1e-3 <= abs(value) < 1e6:
        return f"{value:.{digits}g}"
    return f"{value:.{digits - 1}e}"


def export_table(
    shown: pd.DataFrame,
    markdown: str,
    latex: str,
    caption: str,
    notes: Sequence[str] = (),
) -> None:
    """Write a table for readers, as Markdown and LaTeX.

    Parameters
    ----------
    shown : pandas.DataFrame
        Its cells as text.
    markdown, latex : str
        The files to write.
    caption : str
        One sentence.
    notes : sequence of str
        Remarks below the table.
    """
    cells = shown.map(markdown_cell).rename(columns=markdown_cell)
    text = [markdown_text(caption), "", cells.to_markdown(index=False, disable_numparse=True), ""]
    text += [f"{markdown_text(note)}\n" for note in notes]
    write_text(markdown, "\n".join(text))
    table = shown.style.hide(axis="index").format(escape="latex")
    table = table.format_index(escape="latex", axis="columns")
    # Escaped like the cells: names of data sets hold underscores.
    body = table.to_latex(caption=latex_text(caption), hrules=True, position_float="centering")
    comments = "".join(f"% {' '.join(note.split())}\n" for note in notes)
    write_text(latex, comments + body)


def whole(table: pd.DataFrame) -> Styler:
    """Show a table in a notebook: all rows and columns, no cell cut short, and names escaped.

    pandas alone leaves out the middle of a long table. Row numbers are left out: they say nothing.
    """
    shown = table.style.format(escape="html")
    for axis in ("index", "columns"):
        shown = shown.format_index(escape="html", axis=axis)
    if isinstance(table.index, pd.RangeIndex):
        shown = shown.hide(axis="index")
    return shown.set_properties(None, **{"text-align": "left", "vertical-align": "top"})


def job_facts(path: str | Path) -> list[Mapping[str, Any]]:
    """Read the facts of one file: of the jobs that shared the work, or of the only one."""
    file = read_json(path)
    return list(file.get("shards", [file]))


def provenance(paths: Sequence[str]) -> pd.DataFrame:
    """Return the provenance of measurements: a row per machine, commit and set of versions.

    If the work was split into shards, their provenance is returned.
    """
    rows = [
        {
            "commit": fact["commit"] or "not a git checkout",
            "date": fact["date"][:10],
            "processor": fact["processor"],
            "device": fact["device"],
            "threads": fact["threads"],
            "torch": fact["versions"]["torch"],
            "torchvision": fact["versions"]["torchvision"],
            "python": fact["python"],
        }
        for path in paths
        for fact in job_facts(path)
    ]
    return pd.DataFrame(rows).drop_duplicates(ignore_index=True)
