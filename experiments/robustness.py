"""Claims over several runs that differ in their seed: which verdicts are a matter of luck.

``python -m experiments.robustness results/seeds/*/tables/claims.csv --output margins.csv`` writes a
table.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from experiments.claim_counts import read_verdicts
from experiments.claim_list import ClaimError, Expectation, load_claims
from experiments.claims import HOLDS, NOT_TESTABLE
from experiments.intermediates import DamagedFileError
from experiments.writing import write_csv

__all__ = ["main", "margin", "over_runs"]

CLAIMS = Path(__file__).parents[1] / "workflow/claims.yaml"


def margin(expect: Expectation, lowest: float, highest: float) -> float:
    """Return by how much values keep clear of the bounds of a claim.

    Parameters
    ----------
    expect : Expectation
        The bounds.
    lowest, highest : float
        Of the values.

    Returns
    -------
    float
        Distance of the worst value from the nearest bound, in units of the values; negative if it
        is on the wrong side. NaN for a claim that asks for an exact value.
    """
    distances = [
        value - bound
        for value, bound in ((lowest, expect.at_least), (lowest, expect.more_than))
        if bound is not None
    ]
    distances += [
        bound - value
        for value, bound in ((highest, expect.at_most), (highest, expect.less_than))
        if bound is not None
    ]
    if expect.within is not None:
        distances.append(expect.within - max(abs(lowest), abs(highest)))
    return min(distances, default=float("nan"))


def over_runs(verdicts: Iterable[str | Path], claims: str | Path = CLAIMS) -> pd.DataFrame:
    """Summarise the verdicts of several runs.

    Parameters
    ----------
    verdicts : iterable of path
        A ``tables/claims.csv`` per run.
    claims : path
        The list of claims that they were judged by.

    Returns
    -------
    pandas.DataFrame
        One row per claim that some run could test: ``claim``, ``scope``, ``n_runs`` that could,
        ``n_hold``, ``lowest`` and ``highest`` value over them, ``expected`` and `margin`.

    Raises
    ------
    DamagedFileError
        If a file is missing or no table of verdicts.
    ClaimError
        If the list of claims is malformed.
    """
    judged = pd.concat([read_verdicts(path) for path in verdicts], ignore_index=True)
    judged = judged[judged["verdict"] != NOT_TESTABLE]
    rows = []
    for claim in load_claims(claims):
        own = judged[judged["claim"] == claim.claim]
        if own.empty:
            continue
        lowest, highest = float(own["lowest"].min()), float(own["highest"].max())
        rows.append(
            {
                "claim": claim.claim,
                "scope": claim.scope,
                "n_runs": len(own),
                "n_hold": int((own["verdict"] == HOLDS).sum()),
                "lowest": lowest,
                "highest": highest,
                "expected": str(claim.expect),
                "margin": margin(claim.expect, lowest, highest),
            }
        )
    return pd.DataFrame(rows)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(prog="python -m experiments.robustness", description=__doc__)
    parser.add_argument("verdicts", nargs="+", help="tables/claims.csv of a run")
    parser.add_argument("--output", required=True, help="the CSV file to write")
    given = parser.parse_args(arguments)
    try:
        table = over_runs(given.verdicts)
        Path(given.output).parent.mkdir(parents=True, exist_ok=True)
        write_csv(given.output, table)
    except (ClaimError, DamagedFileError, OSError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
