"""Figure: how the error of Integrated Gradients falls with the number of steps."""

from __future__ import annotations

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from experiments.figures import set_style
from experiments.names import BY_CHANGES, QUADRATURES, VARIANTS
from experiments.networks.labels import network_names, variant_names

__all__ = ["plot_convergence"]

_RULES = {**QUADRATURES, BY_CHANGES: "midpoint, nodes by changes"}
_EXACT = "regular, against exact IG:"


def plot_convergence(convergence: pd.DataFrame, published: pd.DataFrame) -> Figure:
    """Plot the difference between IG with few and with many steps, on logarithmic axes.

    Parameters
    ----------
    convergence : pandas.DataFrame
        Columns ``network``, ``architecture``, ``variant``, ``reference``, ``method``, ``n_steps``
        and ``mean_abs_difference``.
    published : pandas.DataFrame
        The paper's curve: ``n_steps`` and ``abs_difference_to_ig300``.

    Returns
    -------
    matplotlib.figure.Figure
        A row per variant and a column per network, and a row of the regular nets that were
        measured against the exact integral; the paper's curve, of a model that it does not name,
        is in the panels of the regular nets.
    """
    set_style()
    table = convergence.assign(
        rule=convergence["method"].map(_RULES),
        net=network_names(convergence),
        kind=variant_names(convergence),
    )
    exact = table["reference"] == "exact"
    table["kind"] = table["kind"].mask(exact, _EXACT)
    # Of an X-DNN the exact integral is what every rule without a node at 0 gives.
    table = table[~exact | (table["variant"] == "regular")]
    grid = sns.relplot(
        table,
        x="n_steps",
        y="mean_abs_difference",
        hue="rule",
        style="rule",
        markers=True,
        dashes=False,
        row="kind",
        col="net",
        kind="line",
        errorbar=None,
        # Of X-DNNs the rules without a node at 0 are ten powers of ten below all others.
        facet_kws={"sharey": "row"},
        height=2.4,
        aspect=1.2,
    )
    steps = sorted(table.loc[table["reference"] == "steps", "n_steps"].unique())
    for (kind, _), axes in grid.axes_dict.items():
        axes.set_visible(axes.has_data())
        axes.set(xscale="log", yscale="log")
        axes.set_xticks(steps, [str(value) for value in steps], minor=False)
        axes.minorticks_off()
        if kind == VARIANTS["regular"]:
            axes.plot(
                published["n_steps"],
                published["abs_difference_to_ig300"],
                color="0.5",
                linestyle=":",
                label="paper (net not named)",
            )
    grid.set_titles("{row_name} {col_name}")
    grid.set_axis_labels("number of steps", "|IG(n) − reference|, mean")
    _add_to_legend(grid, "paper (net not named)")
    grid.figure.tight_layout()
    return grid.figure


def _add_to_legend(grid: sns.FacetGrid, label: str) -> None:
    """Rebuild the legend of a grid with one more line, if some panel has it."""
    for axes in grid.axes.flat:
        handles = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
        if label in handles:
            entries = {**_legend_entries(grid), label: handles[label]}
            grid.legend.remove()
            grid.figure.legend(
                entries.values(),
                entries.keys(),
                loc="center left",
                bbox_to_anchor=(1.0, 0.5),
                frameon=False,
            )
            return


def _legend_entries(grid: sns.FacetGrid) -> dict[str, object]:
    texts = [text.get_text() for text in grid.legend.get_texts()]
    return dict(zip(texts, grid.legend.legend_handles, strict=True))
