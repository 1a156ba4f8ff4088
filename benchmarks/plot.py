"""Draw every measured benchmark: one figure per CSV file, with times and memory."""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("agg")

import pandas as pd
import seaborn as sns
from common import REPOSITORY
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

UNITS = {"s": "time (s)", "s per image": "time per image (s)", "MiB": "peak memory (MiB)"}
ROW_INCHES = 0.19


def lines_of(rows: pd.DataFrame) -> list[tuple[str, pd.Series | None]]:
    """Return the lines of a panel: a heading per quantity and setting, then a point per case."""
    lines: list[tuple[str, pd.Series | None]] = []
    for (quantity, setting), group in rows.groupby(["quantity", "setting"], sort=False):
        lines.append((f"{quantity}  ·  {setting}" if setting else quantity, None))
        lines += [(f"{row['case']}  ", row) for _, row in group.iterrows()]
    return lines


def draw(axes: Axes, lines: list[tuple[str, pd.Series | None]], label: str) -> None:
    """Draw one panel: medians as points, the range of the repeats as whiskers."""
    for position, (text, row) in enumerate(lines):
        if row is None:
            axes.text(
                0,
                position,
                text,
                transform=axes.get_yaxis_transform(),
                va="center",
                fontsize=7,
                fontweight="bold",
            )
            continue
        spread = [[row["median"] - row["min"]], [row["max"] - row["median"]]]
        # Points, since a bar on a logarithmic axis has no zero to start from.
        axes.errorbar(row["median"], position, xerr=spread, fmt="oC0", markersize=4, capsize=2)
        axes.annotate(
            f"{row['median']:.3g}",
            (row["max"], position),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=7,
        )
    points = [position for position, (_, row) in enumerate(lines) if row is not None]
    axes.set_yticks(points, [lines[position][0] for position in points], fontsize=7)
    axes.set(xscale="log", xlabel=label, ylim=(len(lines) - 0.4, -0.6))
    axes.margins(x=0.2)
    left, right = axes.get_xlim()
    axes.xaxis.set_major_locator(LogLocator(subs=(1,) if right > 100 * left else (1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.minorticks_off()


def plot(table: pd.DataFrame) -> Figure:
    """Draw the rows of one benchmark that are times or memory; the ratios are in the CSV file."""
    panels = {
        unit: lines_of(table[table["unit"] == unit]) for unit in UNITS if unit in set(table["unit"])
    }
    heights = [len(lines) * ROW_INCHES + 0.6 for lines in panels.values()]
    figure = Figure(figsize=(6.5, sum(heights)), layout="constrained")
    grid = figure.subplots(len(panels), 1, squeeze=False, gridspec_kw={"height_ratios": heights})
    for axes, (unit, lines) in zip(grid[:, 0], panels.items(), strict=True):
        draw(axes, lines, UNITS[unit])
    first = table.iloc[0]
    figure.suptitle(
        f"{first['benchmark']}: {first['processor']}, {first['threads']} of {first['processors']} "
        f"threads, torch {first['torch']}",
        fontsize=8,
    )
    return figure


def main() -> None:
    """Draw all benchmarks of a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--output-dir", type=Path, default=REPOSITORY / "results" / "benchmarks", help="of the CSVs"
    )
    folder = parser.parse_args().output_dir
    paths = sorted(folder.glob("*.csv"))
    if not paths:
        parser.error(f"no CSV files in {folder}: run the benchmarks first")
    sns.set_theme(context="paper", style="whitegrid", palette="colorblind")
    for path in paths:
        table = pd.read_csv(path, keep_default_na=False)
        if (table["median"] == "not measured").all():
            continue
        figure = plot(table)
        for suffix in (".pdf", ".png"):
            figure.savefig(path.with_suffix(suffix), dpi=150)
        print(path.with_suffix(".png"))


if __name__ == "__main__":
    main()
