"""The work of the experiment on one net: see `experiments.work`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experiments.work import Work, at_most

__all__ = ["measuring"]


def measuring(settings: Mapping[str, Any], available: int, variant: str) -> Work:
    """Return the work of measuring the accuracy at several contrasts."""
    images = at_most(settings["n_images"], available)
    return Work(images, forward=images * len(settings["alphas"]))
