"""The registry of methods: a module of this package for each, or for each family.

A module defines ``METHODS``, a tuple of `Method`. It is found because it is in this package;
nothing else lists it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

from experiments.methods.entry import Method
from experiments.registry import discover, look_up

__all__ = ["Method", "method", "methods", "methods_for", "printed_names", "published_names"]


@cache
def methods() -> Mapping[str, Method]:
    """Return every method by its key."""
    return discover(__name__, __path__, "METHODS", Method)


def method(key: str) -> Method:
    """Return the method of a key.

    Raises
    ------
    ValueError
        If the key is unknown; the message lists the known ones.
    """
    return look_up(methods(), key, "method")


def methods_for(experiment: str) -> tuple[str, ...]:
    """Return the keys of the methods that fit an experiment."""
    return tuple(key for key, entry in methods().items() if experiment in entry.experiments)


def printed_names(keys: Iterable[str], experiment: str | None = None) -> dict[str, str]:
    """Return the names for readers by key, in the order of first appearance."""
    return {key: method(key).printed(experiment) for key in dict.fromkeys(keys)}


def published_names(table: str) -> dict[str, str]:
    """Return the keys of methods by their names in a table of published numbers."""
    return {
        entry.published[table]: key for key, entry in methods().items() if table in entry.published
    }
