"""Figure: the difference between IG and Input×Gradient of X-DNNs by the bits of the products."""

from __future__ import annotations

import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from experiments.figures import set_style
from experiments.networks.architectures import printed_names
from experiments.networks.labels import network_names

__all__ = ["plot_bits"]

_FORMATS = {7: "bfloat16", 10: "TF32", 23: "float32"}


def plot_bits(difference: pd.DataFrame, published: pd.DataFrame) -> Figure:
    """Plot the mean absolute relative difference against the bits of the products.

    Parameters
    ----------
    difference : pandas.DataFrame
        Columns ``network``, ``architecture``, ``variant``, ``dtype``, ``mantissa_bits`` and
        ``mard_percent``; the rows of X-DNNs whose ``dtype`` is a number of bits are drawn.
    published : pandas.DataFrame
        The paper's numbers: ``architecture``, ``variant``, ``mard_percent``.

    Returns
    -------
    matplotlib.figure.Figure
        A line per net, on a logarithmic axis; the numbers that the paper prints for X-DNNs, as
        far as they are not 0, are horizontal lines.
    """
    set_style()
    rows = difference[(difference["variant"] == "x") & difference["dtype"].str.endswith("bits")]
    figure, axes = plt.subplots(figsize=(6.4, 3.6))
    sns.lineplot(
        rows.assign(net=network_names(rows)),
        x="mantissa_bits",
        y="mard_percent",
        hue="net",
        style="net",
        markers=True,
        dashes=False,
        errorbar=None,
        ax=axes,
    )
    axes.set_yscale("log")
    x_rows = published[(published["variant"] == "x") & (published["mard_percent"] > 0)]
    names = printed_names(x_rows["architecture"])
    left, right = axes.get_xlim()
    for architecture, percent in zip(x_rows["architecture"], x_rows["mard_percent"], strict=True):
        axes.axhline(percent, color="0.4", linestyle=":", linewidth=1)
        axes.annotate(
            f"paper, {names[architecture]}: {percent:g} %",
            (right, percent),
            xytext=(-2, 2),
            textcoords="offset points",
            horizontalalignment="right",
            fontsize="small",
            color="0.4",
        )
    for bits, name in _FORMATS.items():
        if left <= bits <= right:
            axes.axvline(bits, color="0.85", linewidth=1, zorder=0)
            axes.annotate(
                name,
                (bits, 1.0),
                xycoords=("data", "axes fraction"),
                xytext=(0, 2),
                textcoords="offset points",
                horizontalalignment="center",
                fontsize="small",
                color="0.4",
            )
    bits_shown = sorted(rows["mantissa_bits"].unique())
    axes.set_xticks(bits_shown, [str(bits) for bits in bits_shown])
    axes.set_xlabel("stored bits of the significand of the operands")
    axes.set_ylabel("MARD, percent")
    legend = axes.get_legend()
    if legend is not None:
        legend.set_title("")
    figure.tight_layout()
    return figure
