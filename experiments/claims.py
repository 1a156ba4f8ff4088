"""Claims under test: what a paper says, which number of ours it is about, and what it must be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

__all__ = ["ClaimError", "Verdict", "expectation", "judge", "load_claims"]

SCHEMA = Path(__file__).parents[1] / "workflow" / "schemas" / "claims.schema.yaml"

HOLDS, FAILS, NOT_TESTABLE = "holds", "fails", "not testable here"
# Marks the columns of the rows that are compared with.
OTHER = " of the other"


class ClaimError(ValueError):
    """A claim that cannot be judged because it is written wrongly."""


@dataclass(frozen=True)
class Verdict:
    """What became of a claim.

    Parameters
    ----------
    verdict : {"holds", "fails", "not testable here"}
        It holds if every case does.
    n_cases : int
        Rows, or pairs of rows, that the claim is about.
    lowest, highest : float
        Of the measured values or differences; nan where texts are compared, or nothing.
    remark : str
        The cases that fail, or why there is none.
    """

    verdict: str
    n_cases: int = 0
    lowest: float = float("nan")
    highest: float = float("nan")
    remark: str = ""


def load_claims(path: str | Path) -> list[dict[str, Any]]:
    """Read the list of claims and check it.

    Raises
    ------
    ClaimError
        With the file, the claim and what is wrong with it.
    """
    claims = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    error = best_match(Draft202012Validator(yaml.safe_load(SCHEMA.read_text())).iter_errors(claims))
    if error is not None:
        where = "/".join(str(part) for part in error.absolute_path)
        raise ClaimError(f"{path}: {where}: {error.message}")
    return claims


def judge(
    claim: Mapping[str, Any],
    tables: Mapping[str, pd.DataFrame],
    published: Mapping[str, pd.DataFrame],
) -> Verdict:
    """Compare a claim with our tables.

    Parameters
    ----------
    claim : mapping
        One entry of the list of claims: ``rows`` of ``table`` give the value of ``column``; with
        ``against`` the value of other rows of the table, equal to them in ``by``, is subtracted,
        with ``published`` a number that the paper prints. ``expect`` bounds the result:
        ``at_least``, ``at_most``, ``within`` (in size), or ``same`` for texts. ``needs`` names
        the rows without which the claim cannot be tested.
    tables : mapping of str to pandas.DataFrame
        Our tables by name.
    published : mapping of str to pandas.DataFrame
        Tables of published numbers by name.

    Returns
    -------
    Verdict
        Over all cases.

    Raises
    ------
    ClaimError
        If the claim names a table or a column that does not exist.
    """
    if isinstance(claim["column"], list):
        return _all_of(
            [judge({**claim, "column": name}, tables, published) for name in claim["column"]]
        )
    table = _named(claim, tables, "table", claim["table"])
    needed = claim.get("needs", {})
    if _select(claim, table, needed).empty:
        found = {name: sorted(map(str, table[name].unique())) for name in needed}
        return Verdict(
            NOT_TESTABLE,
            remark="; ".join(
                f"needs {name} {_listed(needed[name])}, this run has {', '.join(found[name])}"
                for name in needed
            ),
        )
    rows = _select(claim, table, {**needed, **claim["rows"]})
    column = claim["column"]
    if "against" in claim:
        other = _select(claim, table, {**needed, **claim["against"]})
        keys = claim["by"]
    elif "published" in claim:
        source = claim["published"]
        other = _named(claim, published, "published table", source["table"])
        other = other.rename(columns={source["column"]: column, **source.get("rename", {})})
        other = other.replace(source.get("names", {}))
        keys = source["by"]
    else:
        other, keys = None, []
    for name in (column, *keys):
        for frame in (rows, other):
            if frame is not None and name not in frame:
                raise ClaimError(f"claim {claim['claim']!r}: there is no column {name!r}")
    if other is None:
        values, label = rows[column], _labels(rows, column, *claim["rows"])
    else:
        pairs = rows.merge(other, on=keys, suffixes=("", OTHER))
        if claim["expect"].get("same"):
            values = pairs[column] == pairs[column + OTHER]
        else:
            values = pairs[column] - pairs[column + OTHER]
        label = _labels(pairs, column, *claim["rows"], *keys)
    if values.empty:
        return Verdict(NOT_TESTABLE, remark="this run measured no such case")
    fine = _meets(values, claim["expect"])
    failing = [text for text, holds in zip(label, fine, strict=True) if not holds]
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


def expectation(expect: Mapping[str, Any]) -> str:
    """Say in symbols what a claim expects."""
    if expect.get("same"):
        return "the same"
    symbols = {"at_least": "≥", "more_than": ">", "at_most": "≤", "less_than": "<", "within": "±"}
    return ", ".join(f"{symbols[bound]} {value:g}" for bound, value in expect.items())


def _all_of(verdicts: list[Verdict]) -> Verdict:
    """Put the verdicts on several columns together."""
    order = (FAILS, NOT_TESTABLE, HOLDS)
    return Verdict(
        min((one.verdict for one in verdicts), key=order.index),
        sum(one.n_cases for one in verdicts),
        min(one.lowest for one in verdicts),
        max(one.highest for one in verdicts),
        "; ".join(dict.fromkeys(one.remark for one in verdicts if one.remark)),
    )


def _meets(values: pd.Series, expect: Mapping[str, Any]) -> pd.Series:
    """Say per case whether it is as expected; what is missing is not."""
    if expect.get("same"):
        return values
    fine = values.notna()
    if "at_least" in expect:
        fine &= values >= expect["at_least"]
    if "more_than" in expect:
        fine &= values > expect["more_than"]
    if "at_most" in expect:
        fine &= values <= expect["at_most"]
    if "less_than" in expect:
        fine &= values < expect["less_than"]
    if "within" in expect:
        fine &= values.abs() <= expect["within"]
    return fine


def _named(
    claim: Mapping[str, Any], tables: Mapping[str, pd.DataFrame], what: str, name: str
) -> pd.DataFrame:
    if name not in tables:
        raise ClaimError(f"claim {claim['claim']!r}: there is no {what} {name!r}")
    return tables[name]


def _select(
    claim: Mapping[str, Any], table: pd.DataFrame, where: Mapping[str, Any]
) -> pd.DataFrame:
    chosen = pd.Series(True, index=table.index)
    for name, wanted in where.items():
        if name not in table:
            raise ClaimError(f"claim {claim['claim']!r}: there is no column {name!r}")
        chosen &= table[name].isin(wanted if isinstance(wanted, list) else [wanted])
    return table[chosen]


def _listed(wanted: Any) -> str:
    return " or ".join(map(str, wanted)) if isinstance(wanted, list) else str(wanted)


def _labels(rows: pd.DataFrame, column: str, *named: str) -> list[str]:
    """Name every case by what tells it from the others.

    In our tables what identifies a row comes first and its numbers come last.
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
