"""What the paper says of training with attribution priors, and whether it can be said here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from experiments.names import PUBLISHED_PRIORS

__all__ = ["TOLERANCE", "ahead", "compare_with_published", "why_untestable"]

TOLERANCE = 0.006
"""Largest difference to a published mean ROC-AUC; the two released runs differ by up to 0.005."""

PROTOCOL = {
    "n_repetitions": 200,
    "n_references": 1,
    "lambdas": [0.01, 0.1, 1.0, 10.0, 100.0],
    "settings": {
        "n_train": 100,
        "n_validation": 100,
        "hidden": [512, 128, 32],
        "epochs": 100,
        "learning_rate": 1e-3,
    },
}
"""The published protocol, in the words of the configuration."""

# Below this many repetitions a bootstrap interval says little.
_ENOUGH = 10


def why_untestable(dataset: str, settings: Mapping[str, Any]) -> str | None:
    """Say why the published means cannot be tested; None if they can.

    Parameters
    ----------
    dataset : str
        What was trained on.
    settings : mapping
        ``n_repetitions``, ``n_references``, ``lambdas`` and ``settings`` of the configuration.
    """
    if dataset != "nhanes":
        return f"not testable here: other data ({dataset})"
    if settings["n_repetitions"] < PROTOCOL["n_repetitions"]:
        return (
            f"not testable here: {settings['n_repetitions']} of {PROTOCOL['n_repetitions']} "
            "repetitions"
        )
    for name in ("n_repetitions", "n_references", "lambdas", "settings"):
        if settings[name] != PROTOCOL[name]:
            return f"not testable here: {name} is not the published one"
    return None


def compare_with_published(
    summary: pd.DataFrame, published: pd.DataFrame, untestable: str | None
) -> pd.DataFrame:
    """Compare the mean test ROC-AUC of every published method with the two released runs.

    Parameters
    ----------
    summary : pandas.DataFrame
        ``method``, ``selected`` and ``test_auc``.
    published : pandas.DataFrame
        ``run``, ``method`` and ``test_auc_mean``.
    untestable : str or None
        Why there is no verdict, if there is none.

    Returns
    -------
    pandas.DataFrame
        ``method``, ``test_auc``, ``run_a`` and ``run_b``, ``difference`` to the run that is
        further away, and ``holds``: "yes" or "no", or why nobody can say.
    """
    runs = published.pivot(index="method", columns="run", values="test_auc_mean")
    rows = []
    for row in summary[summary["selected"]].to_dict("records"):
        if row["method"] not in PUBLISHED_PRIORS:
            continue
        run_a, run_b = runs.loc[PUBLISHED_PRIORS[row["method"]], ["A", "B"]]
        difference = max(row["test_auc"] - run_a, row["test_auc"] - run_b, key=abs)
        rows.append(
            {
                "method": row["method"],
                "test_auc": row["test_auc"],
                "run_a": run_a,
                "run_b": run_b,
                "difference": difference,
                "holds": untestable or ("yes" if abs(difference) <= TOLERANCE else "no"),
            }
        )
    return pd.DataFrame(rows)


def ahead(mean: float, low: float, high: float, n_repetitions: int) -> str:
    """Say whether XG is ahead of another method, as far as the interval of the difference tells.

    Parameters
    ----------
    mean, low, high : float
        XG minus the other method, and its interval.
    n_repetitions : int
        What they are made of.
    """
    if n_repetitions < _ENOUGH:
        return f"undecided: only {n_repetitions} repetitions"
    if low > 0:
        return "yes"
    if high < 0:
        return "no: XG is behind"
    return f"undecided: {'ahead' if mean > 0 else 'behind'}, but the interval holds 0"
