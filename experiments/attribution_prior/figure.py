"""Figures: test accuracy and cost of training with attribution priors."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from experiments.attribution_prior.names import prior_name
from experiments.figures import set_style

__all__ = ["plot_eg_references", "plot_prior_auc", "plot_prior_cost"]

_RUN_COLOURS = {"A": "0.6", "B": "0.8"}


def plot_prior_auc(table: pd.DataFrame, published: pd.DataFrame) -> Figure:
    """Draw the test ROC-AUC of every method at its selected strength, alongside the paper's.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns ``dataset``, ``method``, ``n_gradients``, ``lambda``, ``n_reps``, ``selected``,
        ``test_auc`` and the ends ``test_auc_low`` and ``test_auc_high`` of its interval.
    published : pandas.DataFrame
        Columns ``run``, ``method`` (its key), ``test_auc_mean``, ``test_auc_sem`` and
        ``best_lambda``.

    Returns
    -------
    matplotlib.figure.Figure
        Bars with intervals on the left; on the right those of the two released runs, on their own
        data, with 1.96 standard errors.
    """
    set_style()
    rows = table[table["selected"] & table["test_auc"].notna()]
    figure = Figure(figsize=(9.0, 3.4), layout="constrained")
    ours, theirs = figure.subplots(1, 2, sharey=True)
    names = [_with_lambda(row) for row in rows.to_dict("records")]
    errors = [rows["test_auc"] - rows["test_auc_low"], rows["test_auc_high"] - rows["test_auc"]]
    colours = ["C0" if method == "x_gradient" else "C7" for method in rows["method"]]
    ours.bar(names, rows["test_auc"], yerr=errors, color=colours, capsize=3, width=0.65)
    dataset, n_reps = rows["dataset"].iloc[0], rows["n_reps"].iloc[0]
    ours.set_title(f"here: {dataset}, {n_reps} repetitions, bootstrap intervals")
    methods = [method for method in rows["method"] if method in set(published["method"])]
    runs = [run for run in _RUN_COLOURS if run in set(published["run"])]
    width = 0.7 / len(runs)
    lambdas: dict[str, object] = {}
    for index, run in enumerate(runs):
        of_run = published[published["run"] == run].set_index("method")
        of_run = of_run.loc[methods]
        lambdas = dict(zip(methods, of_run["best_lambda"], strict=True))
        theirs.bar(
            [position + (index - (len(runs) - 1) / 2) * width for position in range(len(methods))],
            of_run["test_auc_mean"],
            yerr=1.96 * of_run["test_auc_sem"],
            color=_RUN_COLOURS[run],
            capsize=2,
            width=width,
            label=f"run {run}",
        )
    theirs.set_xticks(
        range(len(methods)),
        [_with_lambda({"method": m, "n_gradients": 1, "lambda": lambdas[m]}) for m in methods],
    )
    theirs.set_title("paper: nhanes, 200 repetitions, ±1.96 standard errors")
    theirs.legend(loc="upper left", frameon=False)
    # Chance level, unless a method is worse.
    ours.set_ylim(min(0.5, rows["test_auc_low"].min() - 0.02), None)
    ours.set_ylabel("test ROC-AUC")
    for axes in (ours, theirs):
        axes.tick_params(axis="x", labelsize=7)
        axes.grid(False, axis="x")
    return figure


def plot_eg_references(
    curve: pd.DataFrame, published: pd.DataFrame, published_xg: pd.DataFrame
) -> Figure:
    """Plot the test ROC-AUC of Expected Gradients against the number of references.

    Parameters
    ----------
    curve : pandas.DataFrame
        Columns ``dataset``, ``n_references``, ``lambda``, ``n_reps``, ``test_auc``,
        ``test_auc_sem``, ``xg_lambda``, ``xg_test_auc`` and ``xg_test_auc_sem``.
    published : pandas.DataFrame
        Columns ``run``, ``n_references``, ``lambda`` and ``test_auc_mean``.
    published_xg : pandas.DataFrame
        Columns ``run``, ``method`` and ``test_auc_mean``: the paper's lines of XG.

    Returns
    -------
    matplotlib.figure.Figure
        The curve with standard errors and the line of XG on the same repetitions on the left, the
        paper's curves on the right, on one axis of numbers of references.
    """
    set_style()
    figure = Figure(figsize=(9.0, 3.2), layout="constrained")
    ours, theirs = figure.subplots(1, 2, sharex=True)
    first = curve.iloc[0]
    ours.errorbar(
        curve["n_references"],
        curve["test_auc"],
        yerr=curve["test_auc_sem"],
        marker="o",
        capsize=3,
        color="C1",
        label=f"EG (k), λ = {first['lambda']:g}",
    )
    ours.axhline(
        first["xg_test_auc"], color="C0", label=f"XG, λ = {first['xg_lambda']:g}", linewidth=1.5
    )
    low, high = (first["xg_test_auc"] + sign * first["xg_test_auc_sem"] for sign in (-1, 1))
    ours.axhspan(low, high, color="C0", alpha=0.15, linewidth=0)
    ours.set_title(f"here: {first['dataset']}, {first['n_reps']} repetitions, ±1 standard error")
    xg = published_xg[published_xg["method"] == "x_gradient"].set_index("run")
    for run, marker, opacity in (("A", "s", 1.0), ("B", "^", 0.5)):
        rows = published[published["run"] == run]
        theirs.plot(
            rows["n_references"],
            rows["test_auc_mean"],
            marker=marker,
            color="C1",
            alpha=opacity,
            label=f"EG (k), λ = {rows['lambda'].iloc[0]:g}, run {run}",
        )
        line = xg.loc[run, "test_auc_mean"]
        theirs.axhline(line, color="C0", alpha=opacity, linewidth=1.5, label=f"XG, run {run}")
    theirs.set_title("paper: nhanes, 200 repetitions")
    ticks = sorted({*curve["n_references"], *published["n_references"]})
    for axes in (ours, theirs):
        axes.set(xscale="log", xlabel="references per row and step, k")
        axes.set_xticks(ticks, [str(tick) for tick in ticks])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.legend(frameon=False)
    ours.set_ylabel("test ROC-AUC")
    return figure


def plot_prior_cost(table: pd.DataFrame) -> Figure:
    """Draw what training with each prior costs, relative to unregularised training.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns ``dataset``, ``method``, ``n_gradients``, ``selected`` and ``relative_cost``.

    Returns
    -------
    matplotlib.figure.Figure
        Horizontal bars from 1 on a logarithmic axis, each with its value.
    """
    set_style()
    rows = table[table["selected"]]
    figure = Figure(figsize=(6.0, 0.4 * len(rows) + 0.9), layout="constrained")
    axes: Axes = figure.subplots()
    names = [
        prior_name(method, n) for method, n in zip(rows["method"], rows["n_gradients"], strict=True)
    ]
    colours = ["C0" if method == "x_gradient" else "C7" for method in rows["method"]]
    costs = rows["relative_cost"]
    # From 1: a logarithmic axis has no 0.
    axes.barh(names, costs - 1, left=1, color=colours, height=0.65)
    for position, cost in enumerate(costs):
        axes.annotate(
            f"{cost:.3g}×",
            (max(cost, 1.0), position),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )
    axes.axvline(1, color="0.3", linewidth=1)
    axes.set(xscale="log", xlabel="training time / unregularised training time")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlim(0.9 * min(costs.min(), 0.9), 1.6 * costs.max())
    axes.invert_yaxis()
    axes.grid(False, axis="y")
    return figure


def _with_lambda(row: Mapping[Hashable, Any]) -> str:
    """Name of a method with its strength below, for an axis."""
    name = prior_name(row["method"], row["n_gradients"]).replace(" w/o", "\nw/o")
    return name if not row["lambda"] > 0 else f"{name}\nλ = {row['lambda']:g}"
