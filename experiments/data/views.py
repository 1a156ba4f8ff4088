"""Names of the sizes in which images are kept."""

from __future__ import annotations

__all__ = ["view_name"]


def view_name(resize: int | None, crop: int | None) -> str:
    """Name the size of images, such as ``"256-224"``; ``"native"`` for images as they are.

    Parameters
    ----------
    resize : int or None
        Length to which the shorter side is brought, pixels.
    crop : int or None
        Side of the square that is cut out of the centre, pixels.
    """
    if resize is None and crop is None:
        return "native"
    return f"{resize or 'full'}-{crop or 'full'}"
