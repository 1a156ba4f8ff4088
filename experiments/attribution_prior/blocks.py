"""Repetitions that are trained together, and with them the largest number of shards."""

from __future__ import annotations

import math

__all__ = ["BLOCK", "most_shards"]

BLOCK = {"cpu": 1, "cuda": 64}
"""By device. On a CPU one fits the cache; on a GPU it takes many to use the device."""


def most_shards(n_repetitions: int, device: str) -> int:
    """Return the largest number of jobs that all have repetitions to train."""
    return math.ceil(n_repetitions / BLOCK[device])
