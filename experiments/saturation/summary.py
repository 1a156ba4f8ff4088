"""How far scores and gradients of one net change along the path and on the walk."""

from __future__ import annotations

import pandas as pd

__all__ = ["summarise"]


def summarise(rows: pd.DataFrame) -> pd.DataFrame:
    """Summarise one net.

    Parameters
    ----------
    rows : pandas.DataFrame
        Columns as in `experiments.saturation.run.COLUMNS`.

    Returns
    -------
    pandas.DataFrame
        One row. ``bend_percent``: the largest distance of the score along the path from the
        straight line between its ends, in percent of the range of the score. ``turn_path`` and
        ``turn_walk``: 1 minus the lowest cosine between a gradient and that at the image: 0 if all
        gradients have one direction. ``derivative_percent``: the range of the derivative by one
        pixel on the walk, in percent of its value at the image. Of several images the largest
        value; ``n_images``.
    """
    found = []
    for _, own in rows.groupby("image", sort=False):
        path, walk = (own[own["line"] == line] for line in ("path", "walk"))
        score, position = path["score"], path["position"]
        first, last = score.iloc[0], score.iloc[-1]
        straight = first + position * (last - first)
        extent = score.max() - score.min()
        derivative = walk["derivative"]
        found.append(
            {
                "bend_percent": 100 * _ratio((score - straight).abs().max(), extent),
                "turn_path": 1 - path["cosine"].iloc[1:].min(),
                "turn_walk": 1 - walk["cosine"].min(),
                "derivative_percent": 100
                * _ratio(derivative.max() - derivative.min(), abs(derivative.iloc[0])),
            }
        )
    return pd.DataFrame(found).max().to_frame().T.assign(n_images=len(found))


def _ratio(part: float, whole: float) -> float:
    """Return a ratio, 0 of nothing."""
    return part / whole if whole else 0.0
