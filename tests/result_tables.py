"""The tables of two runs side by side."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from experiments.claim_list import load_claims

__all__ = ["TIMES", "assert_same", "differences", "pairs"]

TIMES = ("seconds_per_rep", "relative_cost")
"""Columns of measured times: no two runs agree on them."""


def pairs(one: Path, other: Path, root: Path) -> dict[str, tuple[pd.DataFrame, pd.DataFrame]]:
    """Return the tables of two runs by name, as text: every digit counts.

    Measured times are left out, and the claims that are judged from them.

    Parameters
    ----------
    one, other : Path
        Folders of tables, which must hold CSV files of the same names.
    root : Path
        The checkout, whose claims are judged.
    """
    names = [sorted(path.name for path in folder.glob("*.csv")) for folder in (one, other)]
    assert names[0] == names[1] and len(names[0]) > 5, names
    # The claims and the columns that they are judged from.
    claims = load_claims(root / "workflow/claims.yaml")
    timed = {claim.claim for claim in claims if claim.column in TIMES}
    assert timed
    found = {}
    for name in names[0]:
        tables = [pd.read_csv(folder / name, dtype=str) for folder in (one, other)]
        if name == "claims.csv":
            tables = [table[~table["claim"].isin(timed)] for table in tables]
        left, right = (table.drop(columns=[*TIMES], errors="ignore") for table in tables)
        found[name] = (left, right)
    return found


def assert_same(one: Path, other: Path, root: Path) -> None:
    """Fail if the tables of two runs differ in a digit."""
    for name, (left, right) in pairs(one, other, root).items():
        pd.testing.assert_frame_equal(left, right, obj=name)


def differences(one: Path, other: Path, root: Path) -> pd.DataFrame:
    """Measure by how much the numbers in the tables of two runs differ.

    Returns
    -------
    pandas.DataFrame
        A row for each column of numbers: ``table``, ``column``, the number of ``rows`` and of those
        that are ``different``, and the largest difference, as it is (``absolute``) and relative to
        the larger of both (``relative``).
    """
    rows = []
    for name, (left, right) in pairs(one, other, root).items():
        assert left.shape == right.shape and list(left) == list(right), name
        for column in left:
            numbers = [pd.to_numeric(side[column], errors="coerce") for side in (left, right)]
            # Columns of names, or empty ones.
            if any(values.isna().ne(side[column].isna()).any()
                   for values, side in zip(numbers, (left, right), strict=True)):  # fmt: skip
                continue
            first, second = (values.to_numpy(float) for values in numbers)
            gap = np.abs(first - second)
            size = np.maximum(np.abs(first), np.abs(second))
            rows.append(
                {
                    "table": name.removesuffix(".csv"),
                    "column": column,
                    "rows": len(gap),
                    "different": int((gap > 0).sum()),
                    "absolute": np.nanmax(gap, initial=0),
                    "relative": np.nanmax(gap / np.where(size > 0, size, 1), initial=0),
                }
            )
    return pd.DataFrame(rows)
