"""How many claims of which paper hold, and why the others do not: of verdicts, for readers."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from experiments.claims import HOLDS, NOT_TESTABLE

__all__ = ["OUTCOMES", "count_by_paper", "outcome", "paper_of", "read_verdicts", "reasons"]

OUTCOMES = ("holds exactly", "holds in kind", "fails", NOT_TESTABLE)
"""What can come of a claim: its verdict and, if it holds, its scope."""

# One author, two or more, or "et al."; then the year.
_NAME = r"[A-Z][\w'’-]+"
_CITATION = re.compile(rf"(?:{_NAME}, )*{_NAME}(?: et al\.| and {_NAME})? (?:19|20)\d\d")
# What a remark says that was found instead differs from claim to claim.
_FOUND = re.compile(r", this run has [^;]*")


def read_verdicts(path: str | Path) -> pd.DataFrame:
    """Read the table of `experiments.claims.judge_claims`; remarks that are empty stay empty."""
    return pd.read_csv(path, keep_default_na=False, na_values={"lowest": [""], "highest": [""]})


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
