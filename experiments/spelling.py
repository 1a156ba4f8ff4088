"""The known name that a mistyped one probably stands for."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["did_you_mean", "nearest"]

# Longer texts are no mistyped names, and comparing them takes long.
_LONGEST = 100


def nearest(given: object, allowed: Iterable[str]) -> str | None:
    """Return the allowed name that a mistyped one probably stands for, or None."""
    if not isinstance(given, str):
        return None
    spelled = {name.lower(): name for name in allowed}
    found = difflib.get_close_matches(given[:_LONGEST].lower(), spelled, 1)
    return spelled[found[0]] if found else None


def did_you_mean(given: object, allowed: Iterable[str]) -> str:
    """Return the end of a sentence that names the nearest name, or nothing."""
    near = nearest(given, allowed)
    return f"; did you mean {near}?" if near else ""
