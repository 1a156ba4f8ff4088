"""Style and saving of all figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import seaborn as sns
from matplotlib.figure import Figure
from safetensors import safe_open

__all__ = ["load_drawing", "save_figure", "set_style"]


def save_figure(figure: Figure, pdf: str | Path, png: str | Path) -> None:
    """Write a figure as PDF and PNG, without dates, so that the same figure is the same file."""
    figure.savefig(pdf, bbox_inches="tight", metadata={"CreationDate": None})
    figure.savefig(png, bbox_inches="tight", dpi=150, metadata={"Software": None})


def load_drawing(path: str | Path, *names: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read the arrays that a figure of images is drawn from.

    Parameters
    ----------
    path : str or Path
        A safetensors file.
    *names : str
        Entries of its header, written as JSON.

    Returns
    -------
    arrays : dict of str to numpy.ndarray
        By name.
    header : dict
        The entries by name.
    """
    with safe_open(str(path), framework="np") as file:
        header = file.metadata()
        arrays = {name: file.get_tensor(name) for name in sorted(file.keys())}
    return arrays, {name: json.loads(header[name]) for name in names}


def set_style() -> None:
    """Draw without a screen, in the project's colours."""
    matplotlib.use("agg")
    sns.set_theme(context="paper", style="whitegrid", palette="colorblind")
