"""The work of the experiment on one net: see `experiments.work`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experiments.work import Work, at_most

__all__ = ["measuring"]


def measuring(settings: Mapping[str, Any], available: int, variant: str) -> Work:
    """Return the work of following score and gradient of a few images."""
    images = at_most(settings["n_images"], available)
    # The image itself, the path, the walk with its start, and what is shown.
    points = settings["n_points"] + settings["walk"]["n_steps"] + len(settings["shown"])
    return Work(images, forward=images * (points + 2), gradient_float64=images * (points + 2))
