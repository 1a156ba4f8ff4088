"""Numbers that the papers print, with our names for methods and nets.

Kept apart from `experiments.tables`, which therefore does not depend on the registries: a changed
printed name must not make a measurement out of date.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from experiments.intermediates import read_table
from experiments.methods import published_names
from experiments.networks.architectures import architectures

__all__ = ["RESTORE", "read_published"]

RESTORE = "restore it from the repository"
"""What to do about a damaged table of published numbers."""


def read_published(path: str | Path) -> pd.DataFrame:
    """Read published numbers, with nets and methods named as in our tables.

    Parameters
    ----------
    path : str or Path
        A file of ``workflow/published/``; the registries know how it names methods and nets.

    Returns
    -------
    pandas.DataFrame
        Its columns, with keys of methods in ``method``; instead of ``model`` and ``variant``,
        ``architecture`` and ``variant`` with keys.

    Raises
    ------
    ValueError
        If the file is no table, or the registry of methods does not know a name.
    """
    frame = read_table(path, remedy=RESTORE)
    if "method" in frame:
        keys = published_names(Path(path).stem)
        unknown = sorted(set(frame["method"]) - set(keys))
        if unknown:
            raise ValueError(
                f"{path}: no registered method has the published name {', '.join(unknown)}"
            )
        frame["method"] = frame["method"].map(keys)
    if "model" in frame:
        model = frame.pop("model")
        is_x = model.str.startswith("X-")
        if "variant" not in frame:
            frame.insert(0, "variant", is_x.map({True: "x", False: "regular"}))
        frame["variant"] = frame["variant"].str.lower()
        keys = {entry.name: key for key, entry in architectures().items()}
        frame.insert(0, "architecture", model.str.removeprefix("X-").map(keys))
    return frame
