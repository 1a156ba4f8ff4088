"""Figure: single deletion scores by method, as trained and in-domain."""

from __future__ import annotations

import itertools
from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from experiments.figures import set_style
from experiments.methods import printed_names
from experiments.networks.labels import network_names, variant_names

__all__ = ["DOMAINS", "plot_single_deletion"]

DOMAINS = {"original": "as trained (SDS)", "in_domain": "in-domain (IDSDS)"}
"""Names for readers."""


def plot_single_deletion(table: pd.DataFrame) -> Figure:
    """Plot mean scores with their intervals.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns ``network``, ``architecture``, ``variant``, ``domain``, ``method``, ``score``,
        ``score_low`` and ``score_high``.

    Returns
    -------
    matplotlib.figure.Figure
        A row per network and a column per domain; the variants side by side.
    """
    set_style()
    # A regular net lacks XG: the net with most methods has them in the order of the configuration.
    of_nets = [part["method"].unique() for _, part in table.groupby(["network", "variant"])]
    names = printed_names([*max(of_nets, key=len), *table["method"]], "masking")
    table = table.assign(net=network_names(table), kind=variant_names(table))
    networks, kinds = list(table["net"].unique()), list(table["kind"].unique())
    figure = Figure(figsize=(7.2, (0.55 + 0.3 * len(names)) * len(networks) + 0.4))
    axes: Any = figure.subplots(
        len(networks), len(DOMAINS), squeeze=False, sharex=True, sharey=True
    )
    rows = {key: row for row, key in enumerate(names)}
    colours = dict(zip(kinds, sns.color_palette("colorblind"), strict=False))
    panels = itertools.product(networks, DOMAINS, kinds)
    for network, domain, kind in panels:
        chosen = (table["net"] == network) & (table["domain"] == domain) & (table["kind"] == kind)
        part, axis = table[chosen], axes[networks.index(network)][list(DOMAINS).index(domain)]
        shift = 0.3 * (kinds.index(kind) - (len(kinds) - 1) / 2)
        axis.errorbar(
            part["score"],
            part["method"].map(rows) + shift,
            xerr=[part["score"] - part["score_low"], part["score_high"] - part["score"]],
            fmt="o",
            markersize=4,
            capsize=2,
            color=colours[kind],
            label=kind,
        )
        axis.set_title(f"{network}, {DOMAINS[domain]}")
    for axis in axes.flat:
        axis.axvline(0, color="0.4", linewidth=0.8)
        axis.set_yticks(list(rows.values()), list(names.values()))
    axes[0, 0].invert_yaxis()
    for axis in axes[-1]:
        axis.set_xlabel("mean rank correlation")
    figure.tight_layout()
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="lower center", bbox_to_anchor=(0.5, -0.06), ncols=len(kinds)
    )
    return figure
