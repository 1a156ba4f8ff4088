"""How many claims of which paper hold, and why the others do not: of verdicts, for readers.

``python -m experiments.claim_counts results/tables/claims.csv`` prints them on one screen.
"""

from __future__ import annotations

import argparse
import re
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from experiments.claims import FAILS, HOLDS, NOT_TESTABLE, readable
from experiments.intermediates import DamagedFileError, read_table

__all__ = [
    "OUTCOMES",
    "count_by_paper",
    "failing_exactly",
    "main",
    "outcome",
    "paper_of",
    "read_verdicts",
    "reasons",
    "summary",
]

OUTCOMES = ("holds exactly", "holds in kind", "fails", NOT_TESTABLE)
"""What can come of a claim: its verdict and, if it holds, its scope."""

# One screen.
_WIDTH, _MOST_FAILING = 79, 8
# One author, two or more, or "et al."; then the year.
_NAME = r"[A-Z][\w'’-]+"
_CITATION = re.compile(rf"(?:{_NAME}, )*{_NAME}(?: et al\.| and {_NAME})? (?:19|20)\d\d")
# What a remark says that was found instead differs from claim to claim.
_FOUND = re.compile(r", this run has [^;]*")


def read_verdicts(path: str | Path) -> pd.DataFrame:
    """Read the table of `experiments.claims.judge_claims`; remarks that are empty stay empty."""
    return read_table(
        path,
        ["claim", "verdict", "expected", "remark", "scope", "source"],
        ["lowest", "highest", "n_cases"],
        keep_default_na=False,
        na_values={"lowest": [""], "highest": [""]},
    )


def paper_of(source: str) -> str:
    """Return the first paper that a source cites, as ``"Hesse et al. 2021"``.

    What a source says before the first semicolon is whose claim it is: that of "this replication;
    the paper does not say why" is this replication.
    """
    first = source.split(";")[0].strip()
    found = _CITATION.search(first)
    return found[0] if found else first


def outcome(verdict: str, scope: str) -> str:
    """Return one of `OUTCOMES`."""
    if verdict == HOLDS:
        return "holds exactly" if scope == "exact" else "holds in kind"
    return verdict


def count_by_paper(judged: pd.DataFrame) -> pd.DataFrame:
    """Count the claims.

    Parameters
    ----------
    judged : pandas.DataFrame
        From `experiments.claims.judge_claims`.

    Returns
    -------
    pandas.DataFrame
        A row per paper, in the order of the claims, and a column per outcome.
    """
    papers = judged["source"].map(paper_of)
    outcomes = [outcome(*pair) for pair in zip(judged["verdict"], judged["scope"], strict=True)]
    counts = pd.DataFrame(
        0, index=pd.Index(papers.unique(), name="paper"), columns=list(OUTCOMES), dtype=int
    )
    for paper, each in zip(papers, outcomes, strict=True):
        counts.loc[paper, each] += 1
    return counts


def reasons(judged: pd.DataFrame) -> dict[str, int]:
    """Return why claims cannot be tested in this run, and how many for each reason."""
    idle = judged.loc[judged["verdict"] == NOT_TESTABLE, "remark"]
    counted = idle.map(lambda remark: _FOUND.sub("", remark)).value_counts()
    return {str(reason): int(count) for reason, count in counted.items()}


def failing_exactly(judged: pd.DataFrame) -> list[str]:
    """Return the claims that must hold exactly, and fail."""
    failing = judged[(judged["verdict"] == FAILS) & (judged["scope"] == "exact")]
    return [str(claim) for claim in failing["claim"]]


def summary(judged: pd.DataFrame) -> str:
    """Return the verdicts on one screen: counts by paper, what fails, what is not testable and why.

    Parameters
    ----------
    judged : pandas.DataFrame
        From `experiments.claims.judge_claims`.

    Returns
    -------
    str
        At most 79 columns wide.
    """
    if judged.empty:
        return "No claim is about the tables of this run."
    counts = count_by_paper(judged)
    counts.loc["all"] = counts.sum()
    counts.index = [str(paper)[:35] for paper in counts.index]
    lines = [f"{len(judged)} claims:", *counts.to_string().splitlines()]
    failing = judged[judged["verdict"] == FAILS]
    for row in readable(failing.head(_MOST_FAILING)).to_dict("records"):
        found = f"{row['scope']}, measured {row['measured']}, expected {row['expected']}"
        lines += _wrapped(f"fails ({found}): {row['claim']}")
    if len(failing) > _MOST_FAILING:
        lines.append(f"and {len(failing) - _MOST_FAILING} more fail")
    for reason, count in reasons(judged).items():
        lines += _wrapped(f"not testable here ({count}): {reason}")
    return "\n".join(lines)


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, subsequent_indent="  ", max_lines=2, placeholder=" …")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.claim_counts", description="Print the verdicts of a run."
    )
    parser.add_argument("table", help="the verdicts, such as results/tables/claims.csv")
    path = parser.parse_args(arguments).table
    try:
        print(summary(read_verdicts(path)))
    except DamagedFileError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
