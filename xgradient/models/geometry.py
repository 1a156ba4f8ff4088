"""The two sizes in which every architecture is built."""

from __future__ import annotations

from typing import Literal, get_args

Geometry = Literal["imagenet", "small"]
"""``"imagenet"``: 224-px images, published widths. ``"small"``: 28-px images, narrower."""


def check_geometry(geometry: str) -> None:
    """Refuse a geometry that no architecture has.

    Raises
    ------
    ValueError
        If ``geometry`` is neither ``"imagenet"`` nor ``"small"``.
    """
    allowed = get_args(Geometry)
    if geometry not in allowed:
        raise ValueError(f"geometry must be one of {', '.join(allowed)}, got {geometry!r}")
