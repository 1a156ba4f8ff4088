"""From the rows of all trainings to means, intervals and differences between methods."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import pandas as pd

from experiments.attribution_prior.comparison import (
    PairedDifference,
    paired_difference,
    select_strength,
)
from experiments.attribution_prior.settings import METHODS
from experiments.intermediates import read_table

__all__ = [
    "compare_with_xg",
    "eg_curve",
    "merge_shards",
    "read_differences",
    "read_eg_curve",
    "read_repetitions",
    "read_summary",
    "summarise",
]

CASE = ["method", "n_gradients", "lambda", "n_epochs"]
"""Columns in which all repetitions of a mean agree."""

SCORES = ["repetition", "epoch", "val_auc", "test_auc", "gini", "seconds"]
"""What was measured in each repetition."""

BASE = "unregularised"
"""The method whose training time is the unit of costs."""


def read_repetitions(path: str) -> pd.DataFrame:
    """Read rows as `train_shard` returns them, to the last bit.

    Raises
    ------
    DamagedFileError
        If the file holds something else.
    """
    return read_table(path, columns=["method"], numbers=[*CASE[1:], *SCORES])


def read_summary(path: str) -> pd.DataFrame:
    """Read what `summarise` returns from the file that the workflow makes of it."""
    scores = ["val_auc", "test_auc", "test_auc_sem", "test_auc_low", "test_auc_high", "gini"]
    costs = ["seconds_per_rep", "relative_cost", "n_reps"]
    return read_table(path, ["dataset", "method", "selected"], [*CASE[1:], *scores, *costs])


def read_differences(path: str) -> pd.DataFrame:
    """Read what `compare_with_xg` returns from the file that the workflow makes of it."""
    numbers = ["lambda", "xg_lambda", "n_reps", "xg_minus_method", "low", "high", "n_gradients"]
    return read_table(path, ["dataset", "method"], numbers)


def read_eg_curve(path: str) -> pd.DataFrame:
    """Read what `eg_curve` returns from the file that the workflow makes of it."""
    scores = ["test_auc", "test_auc_sem", "xg_test_auc", "xg_test_auc_sem", "xg_minus_eg"]
    others = ["lambda", "xg_lambda", "n_reps", "low", "high", "relative_cost"]
    return read_table(path, ["dataset"], ["n_references", *scores, *others])


def merge_shards(shards: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put the rows of all shards together, in an order that does not depend on the shards.

    Returns
    -------
    pandas.DataFrame
        Sorted by method (in the order of `settings.METHODS`), gradients, lambda, epochs and
        repetition.

    Raises
    ------
    ValueError
        If a training occurs twice, or a repetition is missing between others.
    """
    merged = pd.concat(shards, ignore_index=True)
    merged = merged.sort_values(
        [*CASE, "repetition"],
        key=lambda column: column.map(METHODS.index) if column.name == "method" else column,
        ignore_index=True,
    )
    for case, rows in merged.groupby(CASE, sort=False):
        numbers = rows["repetition"].tolist()
        if numbers != list(range(len(numbers))):
            raise ValueError(
                f"inconsistent shards for {dict(zip(CASE, case, strict=True))}: found repetitions "
                f"{numbers}; delete them and run snakemake again"
            )
    return merged


def summarise(
    repetitions: pd.DataFrame,
    dataset: str,
    n_references: int,
    n_epochs: int,
    bootstrap: Mapping[str, Any],
    seed: int,
) -> pd.DataFrame:
    """Average over the repetitions, and select the strength of each method.

    Parameters
    ----------
    repetitions : pandas.DataFrame
        As `merge_shards` returns them.
    dataset : str
        Name of the table that was trained on.
    n_references : int
        The k of the EG(k) that is compared; other numbers are left to `eg_curve`.
    n_epochs : int
        Epochs of the comparison. A method that was trained for fewer, in order to measure its cost,
        has no scores, and its time is scaled to ``n_epochs``.
    bootstrap : mapping
        ``resamples`` and ``confidence``.
    seed : int
        Of the resamples, which are the same for every row.

    Returns
    -------
    pandas.DataFrame
        One row per method and lambda (0 without a prior): ``dataset``, ``method``,
        ``lambda``, ``n_reps``; means over the repetitions of the validation and the test ROC-AUC of
        the chosen epoch, standard error of the latter, Gini coefficient; ``seconds_per_rep`` of a
        training and ``relative_cost``, its ratio to unregularised training; then ``selected``, the
        strength with the best mean validation ROC-AUC, ``test_auc_low`` and ``test_auc_high``,
        ``mean_epoch``, ``n_gradients`` and ``n_epochs``.
    """
    compared = repetitions[
        (repetitions["method"] != "expected_gradients")
        | (repetitions["n_gradients"] == n_references)
    ]
    unit = _seconds_per_epoch(compared[compared["method"] == BASE])
    rows = []
    for (method, n_gradients, strength, epochs), group in compared.groupby(CASE, sort=False):
        seconds = _seconds_per_epoch(group)
        row = {
            "dataset": dataset,
            "method": method,
            "lambda": strength,
            "n_reps": len(group),
            **dict.fromkeys(("val_auc", "test_auc", "test_auc_sem", "gini"), float("nan")),
            "seconds_per_rep": seconds * n_epochs,
            "relative_cost": seconds / unit,
            "selected": True,
            **dict.fromkeys(("test_auc_low", "test_auc_high", "mean_epoch"), float("nan")),
            "n_gradients": n_gradients,
            "n_epochs": epochs,
        }
        if epochs == n_epochs:
            interval = _difference(group["test_auc"], 0 * group["test_auc"], bootstrap, seed)
            row |= {
                "val_auc": group["val_auc"].mean(),
                "test_auc": group["test_auc"].mean(),
                "test_auc_sem": group["test_auc"].sem(),
                "gini": group["gini"].mean(),
                "test_auc_low": interval.low,
                "test_auc_high": interval.high,
                "mean_epoch": group["epoch"].mean(),
            }
        rows.append(row)
    summary = pd.DataFrame(rows)
    for method, group in compared.groupby("method", sort=False):
        scores = group.pivot(index="lambda", columns="repetition", values="val_auc")
        chosen = scores.index[select_strength(scores.to_numpy())]
        of_method = summary["method"] == method
        summary.loc[of_method, "selected"] = summary.loc[of_method, "lambda"] == chosen
    return summary


def compare_with_xg(
    repetitions: pd.DataFrame, summary: pd.DataFrame, bootstrap: Mapping[str, Any], seed: int
) -> pd.DataFrame:
    """Difference of the test ROC-AUC between XG and every other method, at the selected strengths.

    Returns
    -------
    pandas.DataFrame
        ``dataset``, ``method``, ``lambda``, ``xg_lambda``, ``n_reps``, ``xg_minus_method``, its
        interval ``low`` to ``high`` over the repetitions that both have, the ``confidence`` of the
        interval, and ``n_gradients``.
    """
    scored = summary[summary["selected"] & summary["test_auc"].notna()]
    ours, strength = _selected_xg(repetitions, summary)
    rows = []
    for row in scored[scored["method"] != "x_gradient"].to_dict("records"):
        other = _scores(repetitions, row)
        shared = ours.index.intersection(other.index)
        difference = _difference(ours[shared], other[shared], bootstrap, seed)
        rows.append(
            {
                "dataset": row["dataset"],
                "method": row["method"],
                "lambda": row["lambda"],
                "xg_lambda": strength,
                "n_reps": len(shared),
                "xg_minus_method": difference.mean,
                "low": difference.low,
                "high": difference.high,
                "confidence": difference.confidence,
                "n_gradients": row["n_gradients"],
            }
        )
    return pd.DataFrame(rows)


def eg_curve(
    repetitions: pd.DataFrame,
    summary: pd.DataFrame,
    settings: Mapping[str, Any],
    bootstrap: Mapping[str, Any],
    seed: int,
) -> pd.DataFrame:
    """Test ROC-AUC of Expected Gradients by number of references, alongside XG on the same data.

    Parameters
    ----------
    repetitions : pandas.DataFrame
        As `merge_shards` returns them.
    summary : pandas.DataFrame
        As `summarise` returns it; it determines the strength of XG.
    settings : mapping
        ``n_references``, ``lambda`` and ``n_repetitions``: only these repetitions count, also for
        the numbers of references and for XG that have more.
    bootstrap : mapping
        ``resamples`` and ``confidence``.
    seed : int
        Of the resamples.

    Returns
    -------
    pandas.DataFrame
        One row per number of references.
    """
    first = repetitions[repetitions["repetition"] < settings["n_repetitions"]]
    base = summary[summary["method"] == BASE].iloc[0]
    ours, strength = _selected_xg(first, summary)
    eg = first[
        (first["method"] == "expected_gradients")
        & (first["lambda"] == settings["lambda"])
        & first["n_gradients"].isin(settings["n_references"])
    ]
    rows = []
    for n_references, group in eg.groupby("n_gradients"):
        scores = group.set_index("repetition")["test_auc"]
        difference = _difference(ours[scores.index], scores, bootstrap, seed)
        seconds = _seconds_per_epoch(group) * base["n_epochs"]
        rows.append(
            {
                "dataset": base["dataset"],
                "n_references": n_references,
                "lambda": settings["lambda"],
                "n_reps": len(group),
                "val_auc": group["val_auc"].mean(),
                "test_auc": scores.mean(),
                "test_auc_sem": scores.sem(),
                "xg_lambda": strength,
                "xg_test_auc": ours.mean(),
                "xg_test_auc_sem": ours.sem(),
                "xg_minus_eg": difference.mean,
                "low": difference.low,
                "high": difference.high,
                "confidence": difference.confidence,
                "seconds_per_rep": seconds,
                "relative_cost": seconds / base["seconds_per_rep"],
            }
        )
    return pd.DataFrame(rows)


def _scores(repetitions: pd.DataFrame, case: Mapping[Hashable, Any]) -> pd.Series:
    """Test ROC-AUC by repetition."""
    rows = repetitions
    for name in CASE:
        rows = rows[rows[name] == case[name]]
    return rows.set_index("repetition")["test_auc"]


def _selected_xg(repetitions: pd.DataFrame, summary: pd.DataFrame) -> tuple[pd.Series, float]:
    (row,) = summary[(summary["method"] == "x_gradient") & summary["selected"]].to_dict("records")
    return _scores(repetitions, row), row["lambda"]


def _seconds_per_epoch(rows: pd.DataFrame) -> float:
    return (rows["seconds"] / rows["n_epochs"]).mean()


def _difference(
    first: pd.Series, second: pd.Series, bootstrap: Mapping[str, Any], seed: int
) -> PairedDifference:
    return paired_difference(first.to_numpy(), second.to_numpy(), **bootstrap, seed=seed)
