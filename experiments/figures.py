"""Style and saving of all figures."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import seaborn as sns
from matplotlib.figure import Figure

from experiments.intermediates import DamagedFileError, read_tensors
from experiments.writing import write_bytes

__all__ = ["load_drawing", "load_drawings", "save_figure", "set_style"]


def save_figure(figure: Figure, pdf: str | Path, png: str | Path) -> None:
    """Write a figure as PDF and PNG, without dates, so that the same figure is the same file."""
    options: dict[str, dict[str, Any]] = {
        "pdf": {"metadata": {"CreationDate": None}},
        "png": {"metadata": {"Software": None}, "dpi": 150},
    }
    for path, (kind, own) in zip((pdf, png), options.items(), strict=True):
        # In memory first: matplotlib hides an error of the disk behind others.
        drawn = io.BytesIO()
        figure.savefig(drawn, format=kind, bbox_inches="tight", **own)
        write_bytes(path, drawn.getvalue())


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

    Raises
    ------
    DamagedFileError
        If the file holds something else; also where an array that is asked for is missing.
    """
    return read_tensors(path, "np", names)


def load_drawings(
    paths: Sequence[str | Path], of_images: str, *names: str
) -> tuple[dict[str, np.ndarray], dict[str, Any], list[Any]]:
    """Read the arrays that a figure of images is drawn from, of which every shard has a part.

    Parameters
    ----------
    paths : sequence of path
        safetensors files; those of shards that had nothing to do hold no arrays.
    of_images : str
        Entry of the headers that has a value for each image.
    *names : str
        Entries of the headers that are the same in all.

    Returns
    -------
    arrays : dict of str to numpy.ndarray
        By name; images in the order of the files.
    header : dict
        The entries that are the same in all.
    values : list
        One for each image.
    """
    parts = [load_drawing(path, of_images, *names) for path in paths]
    parts = [(arrays, header) for arrays, header in parts if arrays]
    if not parts:
        raise DamagedFileError(
            ", ".join(map(str, paths)), "hold no arrays", "delete them and run snakemake again"
        )
    first, shared = parts[0]
    arrays = {name: np.concatenate([part[name] for part, _ in parts]) for name in first}
    values = [value for _, header in parts for value in header[of_images]]
    return arrays, {name: shared[name] for name in names}, values


def set_style() -> None:
    """Draw without a screen, in the project's colours."""
    matplotlib.use("agg")
    sns.set_theme(context="paper", style="whitegrid", palette="colorblind")
