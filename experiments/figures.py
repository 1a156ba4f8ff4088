"""What all figures share: their style, and how they are saved."""

from __future__ import annotations

from pathlib import Path

import matplotlib
import seaborn as sns
from matplotlib.figure import Figure

__all__ = ["save_figure", "set_style"]


def save_figure(figure: Figure, pdf: str | Path, png: str | Path) -> None:
    """Write a figure as PDF and PNG, without dates, so that the same figure is the same file."""
    figure.savefig(pdf, bbox_inches="tight", metadata={"CreationDate": None})
    figure.savefig(png, bbox_inches="tight", dpi=150, metadata={"Software": None})


def set_style() -> None:
    """Draw without a screen, in the project's colours."""
    matplotlib.use("agg")
    sns.set_theme(context="paper", style="whitegrid", palette="colorblind")
