"""Functions and classes of this project that a registry names by their path."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

__all__ = ["PACKAGES", "import_named"]

PACKAGES = ("xgradient", "experiments")
"""The packages of this project; imports from others are left to the locked environment."""


def import_named(path: str) -> Callable[..., Any]:
    """Import the object that ``"package.module:name"`` names.

    Raises
    ------
    ValueError
        If it is not in a package of this project: a file that names a function must not be able to
        call anything else that is installed.
    """
    module, _, name = path.partition(":")
    if module.split(".")[0] not in PACKAGES or not name.isidentifier():
        raise ValueError(
            f"{path!r} does not name something in {' or '.join(PACKAGES)} as 'package.module:name'"
        )
    return getattr(importlib.import_module(module), name)
