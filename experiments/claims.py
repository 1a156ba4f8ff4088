"""Claims under test: the statement of a paper, the numbers it is about, and the only verdict.

The list of claims is ``workflow/claims.yaml``. Tables and notebooks show the verdicts of
`judge_claims`; nothing else judges.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from experiments.claim_list import Claim, ClaimError, Expectation, load_claims
from experiments.intermediates import read_table
from experiments.published import read_published
from experiments.tables import number

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


_JUDGED = [
    "claim",
    "verdict",
    "lowest",
    "highest",
    "expected",
    "n_cases",
    "remark",
    "scope",
    "table",
    "source",
]


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
    measured = {Path(path).stem: read_table(path) for path in tables}
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
    # Their names stand also over no claims, of a run whose tables none is about.
    return pd.DataFrame(rows, columns=_JUDGED)


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
        Tables of published numbers by name, as `experiments.published.read_published` reads them.

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
    rows, remark = _with_enough(claim, rows)
    if remark and rows.empty:
        return Verdict(NOT_TESTABLE, remark=remark)
    column = claim.column
    other, keys = _compared_with(claim, column, table, published)
    for name in (column, *keys):
        for frame in (rows, other):
            if frame is not None and name not in frame:
                raise _no_column(claim, name)
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
        return Verdict(NOT_TESTABLE, remark=_why_no_case(claim, table))
    if claim.enough_cases is not None and len(values) < claim.enough_cases:
        text = f"{len(values)} cases, but chance decides on fewer than {claim.enough_cases}"
        return Verdict(NOT_TESTABLE, len(values), remark="; ".join(filter(None, (text, remark))))
    fine = _meets(values, claim.expect)
    failing = [text for text, holds in zip(labels, fine, strict=True) if not holds]
    failing = list(dict.fromkeys(failing))
    if failing:
        more = f" and {len(failing) - 3} more" if len(failing) > 3 else ""
        named = f"not {column}: {'; '.join(failing[:3])}{more}".removesuffix(": ")
        remark = "; ".join(filter(None, (named, remark)))
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


def _with_enough(claim: Claim, rows: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Leave out rows of too little; return the others, and a remark that names what is left out."""
    remarks = []
    for column, smallest in claim.enough.items():
        if column not in rows:
            raise _no_column(claim, column)
        few = rows[column] < smallest
        named = [
            f"{' '.join(str(row[name]) for name in claim.by or () if name in row)} ({row[column]})"
            for _, row in rows[few].iterrows()
        ]
        if named:
            listed = ", ".join(dict.fromkeys(name.strip() for name in named))
            remarks.append(f"left out, {column} below {smallest}: {listed}")
        rows = rows[~few]
    return rows, "; ".join(remarks)


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


def _no_column(claim: Claim, name: str) -> ClaimError:
    files = f"{claim.table}.csv"
    if claim.published is not None:
        files += f" or workflow/published/{claim.published.table}.csv"
    return ClaimError(
        f"claim {claim.claim!r}: there is no column {name!r} in {files}: correct the claim or, if "
        f"it is right, delete {claim.table}.csv and run snakemake again"
    )


def _select(claim: Claim, table: pd.DataFrame, where: Mapping[str, Any]) -> pd.DataFrame:
    chosen = pd.Series(True, index=table.index)
    for name, wanted in where.items():
        if name not in table:
            raise _no_column(claim, name)
        chosen &= table[name].isin(wanted if isinstance(wanted, list) else [wanted])
    return table[chosen]


def _why_no_case(claim: Claim, table: pd.DataFrame) -> str:
    """Say which of the values that a claim is about this run does not have."""
    for where in (claim.rows, claim.against or {}):
        for name, wanted in where.items():
            if not table[name].isin(wanted if isinstance(wanted, list) else [wanted]).any():
                found = ", ".join(sorted(map(str, table[name].unique())))
                return f"about {name} {_listed(wanted)}, this run has {found}"
    return "this run measured no such case"


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
