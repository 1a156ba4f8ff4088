"""Tables from measurements: reading, labelling, exporting."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

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
    frames = {path: _read(path) for path in paths}
    # The columns that most files have: the fault is with the others.
    headers = [tuple(frame.columns) for frame in frames.values()]
    columns = max(headers, key=headers.count)
    for path, frame in frames.items():
        if tuple(frame.columns) != columns:
            raise ValueError(
                f"{path} has the columns {list(frame.columns)}, not {list(columns)}: delete it and "
                "run snakemake again"
            )
    filled = {path: frame for path, frame in frames.items() if not frame.empty}
    if not filled:
        raise ValueError(f"{', '.join(paths)}: no measurements: delete the files and run again")
    for path, frame in filled.items():
        problem = _problem(path, frame)
        if problem is not None:
            raise ValueError(f"{path} {problem}: delete it and run snakemake again")
    return pd.concat(filled.values(), ignore_index=True)


def _read(path: str) -> pd.DataFrame:
    try:
        return pd.read_csv(path)
    except (pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError) as error:
        raise ValueError(
            f"{path} is no table ({str(error).strip()}): delete it and run snakemake again"
        ) from error


def _problem(path: str, frame: pd.DataFrame) -> str | None:
    """Say what makes a table no table of measurements; None if it is one."""
    numbers = frame.select_dtypes("number")
    for name, column in frame.items():
        wrong = ~np.isfinite(column) if name in numbers else column.isna()
        if wrong.any():
            # Rows as an editor counts them, below the line of the names.
            line = int(wrong.to_numpy().argmax()) + 2
            return f"has no finite value of {name!r} in line {line}"
    if frame.duplicated().any():
        line = int(frame.duplicated().to_numpy().argmax()) + 2
        return f"has the same row twice, the second time in line {line}"
    if set(LABELS) <= set(frame.columns):
        nets = frame[["dataset", "network", "variant"]].drop_duplicates()
        for dataset, network, variant in nets.itertuples(index=False):
            if not {dataset, f"{network}-{variant}"} <= set(Path(path).parts):
                return f"has rows of {network}-{variant} on {dataset}, not of the net of its folder"
    return None


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
    """
    tables: list[pd.DataFrame] = []
    for keys, own in rows.groupby(list(LABELS), sort=False):
        labels = dict(zip(LABELS, map(str, keys), strict=True))
        tables.append(label_rows(summarise(own.drop(columns=list(LABELS))), **labels))
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


def job_facts(path: str | Path) -> list[Mapping[str, Any]]:
    """Read the facts of one file: of the jobs that shared the work, or of the only one."""
    file: Mapping[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
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
