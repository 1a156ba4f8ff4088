"""Claims under test: the statement of a paper, the numbers it is about, and the only verdict.

The list of claims is ``workflow/claims.yaml``. Tables and notebooks show the verdicts of
`judge_claims`; nothing else judges.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from experiments.tables import number, read_published

__all__ = [
    "Claim",
    "ClaimError",
    "Expectation",
    "Verdict",
    "judge",
    "judge_claims",
    "load_claims",
    "readable",
]

HOLDS, FAILS, NOT_TESTABLE = "holds", "fails", "not testable here"
# Marks the columns of the rows that are compared with.
OTHER = " of the other"

Value = str | int | float | bool
Selection = dict[str, Value | Annotated[list[Value], Field(min_length=1)]]
Names = Annotated[list[str], Field(min_length=1)]


class ClaimError(ValueError):
    """A claim that is malformed and cannot be judged."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Expectation(_Entry):
    """Bounds that every value, or difference, must meet.

    ``within`` bounds the absolute value, ``equals`` the value itself, and ``same`` asks for equal
    texts.
    """

    at_least: float | None = None
    more_than: float | None = None
    at_most: float | None = None
    less_than: float | None = None
    within: float | None = Field(None, ge=0)
    equals: float | None = None
    same: Literal[True] | None = None

    @model_validator(mode="after")
    def _asks_for_something(self) -> Expectation:
        if not self.model_fields_set:
            raise ValueError(f"give one or more of {', '.join(type(self).model_fields)}")
        return self

    def __str__(self) -> str:
        """Return the bounds in symbols."""
        if self.same:
            return "the same"
        symbols = {
            "at_least": "≥",
            "more_than": ">",
            "at_most": "≤",
            "less_than": "<",
            "within": "±",
            "equals": "=",
        }
        bounds = {name: getattr(self, name) for name in symbols}
        return ", ".join(f"{symbols[name]} {b:g}" for name, b in bounds.items() if b is not None)


class PublishedNumber(_Entry):
    """A number of ``workflow/published/TABLE.csv``, of rows that agree in the columns ``by``."""

    table: str
    by: Names
    column: str | None = Field(None, description="by default that of the claim")
    rows: Selection = {}


class Claim(_Entry):
    """A statement of a paper and the numbers of this project that decide about it.

    ``rows`` of ``table`` give the value of ``column``, or of each of several columns. With
    ``against`` the value of other rows of the table, equal to them in ``by``, is subtracted; with
    ``published`` a number that the paper prints. ``needs`` names the rows without which the claim
    cannot be tested. ``not_where_both`` leaves out pairs in which both values are this one, since
    they allow no comparison.
    """

    claim: Annotated[str, Field(min_length=1)]
    source: Annotated[str, Field(min_length=1)]
    scope: Literal["exact", "qualitative"]
    table: str
    rows: Selection
    column: str | Names
    expect: Expectation
    needs: Selection = {}
    against: Selection | None = None
    by: Names | None = None
    published: PublishedNumber | None = None
    not_where_both: float | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Claim:
        if (self.against is None) != (self.by is None):
            raise ValueError("against and by belong together: give both or neither")
        if self.against is not None and self.published is not None:
            raise ValueError("give against or published, not both")
        if self.not_where_both is not None and self.against is None:
            raise ValueError("not_where_both needs against")
        return self


@dataclass(frozen=True)
class Verdict:
    """Outcome of a claim.

    Parameters
    ----------
    verdict : {"holds", "fails", "not testable here"}
        It holds if every case does.
    n_cases : int
        Rows, or pairs of rows, that the claim is about.
    lowest, highest : float
        Of the measured values or differences; nan if texts are compared, or nothing.
    remark : str
        The cases that fail, or the reason why no case can be tested.
    """

    verdict: str
    n_cases: int = 0
    lowest: float = float("nan")
    highest: float = float("nan")
    remark: str = ""


def load_claims(path: str | Path) -> list[Claim]:
    """Read the list of claims and check it.

    Raises
    ------
    ClaimError
        In one line: the file, the claim, the key, and what is wrong with it.
    """
    entries = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    if not isinstance(entries, list) or not entries:
        raise ClaimError(f"{path}: must be a list of claims")
    claims = []
    for position, entry in enumerate(entries, start=1):
        try:
            claims.append(Claim.model_validate(entry))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the claim"
            name = entry.get("claim", "") if isinstance(entry, dict) else ""
            raise ClaimError(
                f"{path}: claim {position} {name!r}: {where}: {first['msg']}"
            ) from error
    return claims


def judge_claims(
    claims: str | Path, tables: Iterable[str | Path], published: Iterable[str | Path]
) -> pd.DataFrame:
    """Judge the claims about some tables.

    Parameters
    ----------
    claims : path
        The list of claims.
    tables : iterable of path
        Our tables, ``NAME.csv``; claims about other tables are left out.
    published : iterable of path
        Tables of published numbers, ``NAME.csv``.

    Returns
    -------
    pandas.DataFrame
        One row per claim, in the order of the list: ``claim``, ``verdict``, ``lowest`` and
        ``highest`` of the measured values, ``expected``, ``n_cases``, ``remark``, ``scope``,
        ``table`` and ``source``.

    Raises
    ------
    ClaimError
        If a claim is malformed, or names a table of published numbers that is not given.
    """
    measured = {Path(path).stem: pd.read_csv(path) for path in tables}
    printed = {Path(path).stem: read_published(path) for path in published}
    rows = []
    for claim in load_claims(claims):
        if claim.table not in measured:
            continue
        result = judge(claim, measured, printed)
        rows.append(
            {
                "claim": claim.claim,
                "verdict": result.verdict,
                "lowest": result.lowest,
                "highest": result.highest,
                "expected": str(claim.expect),
                "n_cases": result.n_cases,
                "remark": result.remark,
                "scope": claim.scope,
                "table": claim.table,
                "source": claim.source,
            }
        )
    return pd.DataFrame(rows)


def judge(
    claim: Claim, tables: Mapping[str, pd.DataFrame], published: Mapping[str, pd.DataFrame]
) -> Verdict:
    """Compare a claim with our tables.

    Parameters
    ----------
    claim : Claim
        An entry of the list of claims.
    tables : mapping of str to pandas.DataFrame
        Our tables by name.
    published : mapping of str to pandas.DataFrame
        Tables of published numbers by name, as `experiments.tables.read_published` reads them.

    Returns
    -------
    Verdict
        Over all cases.

    Raises
    ------
    ClaimError
        If the claim names a table or a column that does not exist.
    """
    if isinstance(claim.column, list):
        columns = [claim.model_copy(update={"column": name}) for name in claim.column]
        return _all_of([judge(each, tables, published) for each in columns])
    table = _named(claim, tables, "table", claim.table)
    if _select(claim, table, claim.needs).empty:
        found = {name: sorted(map(str, table[name].unique())) for name in claim.needs}
        return Verdict(
            NOT_TESTABLE,
            remark="; ".join(
                f"needs {name} {_listed(wanted)}, this run has {', '.join(found[name])}"
                for name, wanted in claim.needs.items()
            ),
        )
    rows = _select(claim, table, {**claim.needs, **claim.rows})
    column = claim.column
    other, keys = _compared_with(claim, column, table, published)
    for name in (column, *keys):
        for frame in (rows, other):
            if frame is not None and name not in frame:
                raise ClaimError(f"claim {claim.claim!r}: there is no column {name!r}")
    if other is None:
        values, labels = rows[column], _labels(rows, column, *claim.rows)
    else:
        pairs = rows.merge(other, on=keys, suffixes=("", OTHER))
        if claim.not_where_both is not None:
            idle = (pairs[[column, column + OTHER]] == claim.not_where_both).all(axis="columns")
            if len(pairs) and idle.all():
                text = f"{column} is {claim.not_where_both:g} in every case: nothing to compare"
                return Verdict(NOT_TESTABLE, len(pairs), remark=text)
            pairs = pairs[~idle]
        if claim.expect.same:
            values = pairs[column] == pairs[column + OTHER]
        else:
            values = pairs[column] - pairs[column + OTHER]
        labels = _labels(pairs, column, *claim.rows, *keys)
    if values.empty:
        return Verdict(NOT_TESTABLE, remark="this run measured no such case")
    fine = _meets(values, claim.expect)
    failing = [text for text, holds in zip(labels, fine, strict=True) if not holds]
    failing = list(dict.fromkeys(failing))
    remark = ""
    if failing:
        more = f" and {len(failing) - 3} more" if len(failing) > 3 else ""
        remark = f"not {column}: {'; '.join(failing[:3])}{more}".removesuffix(": ")
    texts = values.dtype == bool
    return Verdict(
        FAILS if failing else HOLDS,
        len(values),
        float("nan") if texts else float(values.min()),
        float("nan") if texts else float(values.max()),
        remark,
    )


def readable(judged: pd.DataFrame) -> pd.DataFrame:
    """Format the result of `judge_claims` for readers, one row per claim."""

    def measured(row: pd.Series) -> str:
        low, high = number(row["lowest"]), number(row["highest"])
        return low if low == high else f"{low} to {high}"

    shown = judged.assign(measured=[measured(row) for _, row in judged.iterrows()])
    columns = ["claim", "verdict", "measured", "expected", "n_cases", "remark", "scope", "source"]
    return shown[columns].rename(columns={"n_cases": "cases"})


def _compared_with(
    claim: Claim, column: str, table: pd.DataFrame, published: Mapping[str, pd.DataFrame]
) -> tuple[pd.DataFrame | None, list[str]]:
    """Return the rows whose value is subtracted, and the columns in which both must agree."""
    if claim.against is not None:
        return _select(claim, table, {**claim.needs, **claim.against}), claim.by or []
    if claim.published is not None:
        source = claim.published
        frame = _named(claim, published, "published table", source.table)
        frame = _select(claim, frame, source.rows)
        return frame.rename(columns={source.column or column: column}), source.by
    return None, []


def _all_of(verdicts: list[Verdict]) -> Verdict:
    """Combine the verdicts on several columns."""
    order = (FAILS, NOT_TESTABLE, HOLDS)
    return Verdict(
        min((one.verdict for one in verdicts), key=order.index),
        sum(one.n_cases for one in verdicts),
        min(one.lowest for one in verdicts),
        max(one.highest for one in verdicts),
        "; ".join(dict.fromkeys(one.remark for one in verdicts if one.remark)),
    )


def _meets(values: pd.Series, expect: Expectation) -> pd.Series:
    """Whether each case is as expected; a missing value never is."""
    if expect.same:
        return values
    fine = values.notna()
    if expect.at_least is not None:
        fine &= values >= expect.at_least
    if expect.more_than is not None:
        fine &= values > expect.more_than
    if expect.at_most is not None:
        fine &= values <= expect.at_most
    if expect.less_than is not None:
        fine &= values < expect.less_than
    if expect.within is not None:
        fine &= values.abs() <= expect.within
    if expect.equals is not None:
        fine &= values == expect.equals
    return fine


def _named(claim: Claim, tables: Mapping[str, pd.DataFrame], what: str, name: str) -> pd.DataFrame:
    if name not in tables:
        raise ClaimError(f"claim {claim.claim!r}: there is no {what} {name!r}")
    return tables[name]


def _select(claim: Claim, table: pd.DataFrame, where: Mapping[str, Any]) -> pd.DataFrame:
    chosen = pd.Series(True, index=table.index)
    for name, wanted in where.items():
        if name not in table:
            raise ClaimError(f"claim {claim.claim!r}: there is no column {name!r}")
        chosen &= table[name].isin(wanted if isinstance(wanted, list) else [wanted])
    return table[chosen]


def _listed(wanted: object) -> str:
    return " or ".join(map(str, wanted)) if isinstance(wanted, list) else str(wanted)


def _labels(rows: pd.DataFrame, column: str, *named: str) -> list[str]:
    """Name every case by the columns in which it differs from the others.

    In our tables the columns that identify a row come first and its numbers last.
    """
    first = list(rows.columns[: rows.columns.get_loc(column)])
    candidates = first + [name + OTHER for name in first if name + OTHER in rows]
    names = [
        name
        for name in candidates
        if (name in named or not pd.api.types.is_float_dtype(rows[name]))
        and rows[name].nunique() > 1
    ]
    return [" ".join(str(row[name]) for name in names) for _, row in rows.iterrows()]
