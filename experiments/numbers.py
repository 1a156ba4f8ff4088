"""Parts of documents that are filled in from the results of a run: no number is copied by hand.

In a document such a part stands between two comments, of which the first names a template of Jinja:

    <!-- from docs/numbers/default_run.md.jinja -->
    …
    <!-- end -->

``python -m experiments.numbers README.md docs/artifact.md docs/reliability.md
docs/imagenet/README.md`` fills them in again, from runs that `experiments.record` keeps, such as
docs/run. A template opens one with ``recorded`` and says in words what it has found; with
``require`` it states what must then be true of the tables, and where that no longer holds, nothing
is written: the sentence has to be revised.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from experiments.artifact import cost_table
from experiments.intermediates import read_table
from experiments.published import read_published
from experiments.writing import write_text

__all__ = ["RecordedRun", "fill_in", "main"]

ROOT = Path(__file__).parents[1]
_PART = re.compile(
    r"(?P<start><!-- from (?P<template>\S+) -->\n)(?P<text>.*?)(?P<end><!-- end -->)", re.DOTALL
)


class RecordedRun:
    """The tables and facts of a run, for templates.

    Parameters
    ----------
    folder : path
        What `experiments.record` keeps: ``run.json`` and ``tables/``; and ``benchmarks/``, the
        tables of ``make benchmark``.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        facts = json.loads((self.folder / "run.json").read_text(encoding="utf-8"))
        self.facts: dict[str, Any] = facts

    @property
    def job_minutes(self) -> float:
        """Time of all jobs together, of which several ran at once."""
        return float(sum(rule["seconds"] for rule in self.facts["rules"].values()) / 60)

    @property
    def minutes(self) -> float:
        """Time from the first measurement to the last."""
        span = pd.Timestamp(self.facts["last"]) - pd.Timestamp(self.facts["first"])
        return float(span.total_seconds() / 60)

    def values(self, table: str, column: str, **where: Any) -> list[Any]:
        """Return a column of some rows of a table.

        Parameters
        ----------
        table, column : str
            A path below the folder without ``.csv``, or the name of one in ``tables/``; its column.
        **where
            Columns with the value, or the list of values, that the rows have.

        Returns
        -------
        list
            The values, at least one.

        Raises
        ------
        ValueError
            If there is no such row, so that a template does not show an empty cell.
        """
        path = self.folder / (f"{table}.csv" if "/" in table else f"tables/{table}.csv")
        return _select(read_table(path, [column, *where]), f"{table}.csv", column, where)

    def value(self, table: str, column: str, **where: Any) -> Any:
        """Return the one value that `values` finds."""
        return _only(self.values(table, column, **where), table, where)

    def published(self, table: str, column: str, **where: Any) -> Any:
        """Return the one value of a table of ``workflow/published/``, by our names."""
        frame = read_published(ROOT / f"workflow/published/{table}.csv")
        return _only(_select(frame, f"{table}.csv", column, where), table, where)

    def verdict(self, start: str) -> str:
        """Return the verdict on the one claim that starts so."""
        claims = self.values("claims", "claim")
        (claim,) = [claim for claim in claims if claim.startswith(start)] or [start]
        return str(self.value("claims", "verdict", claim=claim))

    def n_claims(self, *verdicts: str) -> int:
        """Return how many claims have one of these verdicts, or how many there are."""
        found = self.values("claims", "verdict")
        return len(found) if not verdicts else sum(each in verdicts for each in found)

    def cost_table(self) -> str:
        """Return what the items of the papers cost: `experiments.artifact.cost_table`."""
        return cost_table(self.facts)


def _select(frame: pd.DataFrame, name: str, column: str, where: dict[str, Any]) -> list[Any]:
    for key, wanted in where.items():
        frame = frame[frame[key].isin(wanted if isinstance(wanted, list) else [wanted])]
    if frame.empty:
        raise ValueError(f"{name}: no row with {where}")
    return list(frame[column])


def _only(values: list[Any], table: str, where: dict[str, Any]) -> Any:
    if len(values) != 1:
        raise ValueError(f"{table}: {len(values)} rows with {where}, not one")
    return values[0]


def _require(condition: bool, statement: str) -> None:
    """Refuse a text that is not true of the run: the sentence that follows has to be revised."""
    if not condition:
        raise ValueError(f"no longer true of this run: {statement}")


def _number(value: float, style: str) -> str:
    """Format a number, with exponents as short as they are written by hand."""
    return re.sub(r"e([+-])0+", r"e\1", format(value, style)).replace("e+", "e")


def _bare(number: str) -> str:
    """Drop the zero before the point, as papers do for correlations and areas under a curve."""
    return re.sub(r"^(-?)0\.", r"\1.", number)


def fill_in(document: str | Path) -> str:
    """Return a document with its generated parts made anew.

    Parameters
    ----------
    document : path
        A file of Markdown.

    Returns
    -------
    str
        The text.

    Raises
    ------
    ValueError
        If a template names a row that the run does not have or states what does not hold in it; the
        message names the template.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(ROOT),
        undefined=jinja2.StrictUndefined,
        extensions=["jinja2.ext.do"],
        autoescape=False,  # of Markdown
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(f=_number, bare=_bare)
    environment.globals.update(recorded=lambda folder: RecordedRun(ROOT / folder), require=_require)

    def rendered(match: re.Match[str]) -> str:
        try:
            text = environment.get_template(match["template"]).render()
        except (OSError, ValueError, jinja2.TemplateError) as error:
            raise ValueError(f"{match['template']}: {error}") from error
        return match["start"] + text + match["end"]

    return _PART.sub(rendered, Path(document).read_text(encoding="utf-8"))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.numbers",
        description="Fill in the numbers of a run where documents have places for them.",
    )
    parser.add_argument("documents", nargs="+", help="such as README.md")
    given = parser.parse_args(arguments)
    try:
        texts = {document: fill_in(document) for document in given.documents}
    except (OSError, ValueError) as error:
        sys.exit(str(error))
    for document, text in texts.items():
        write_text(document, text)


if __name__ == "__main__":
    main()
