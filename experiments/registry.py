"""Registries: entries that are found by being in a package, each in a module of its own."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Protocol, TypeVar

__all__ = ["discover", "look_up"]


class _Keyed(Protocol):
    @property
    def key(self) -> str: ...


Entry = TypeVar("Entry", bound=_Keyed)


def discover(
    package: str, path: Iterable[str], attribute: str, kind: type[Entry]
) -> Mapping[str, Entry]:
    """Import every module of a package and gather its entries.

    Parameters
    ----------
    package : str
        Name of the package.
    path : iterable of str
        Its ``__path__``.
    attribute : str
        Name under which a module has its entry, or a tuple of entries; one without it has none.
    kind : type
        Of an entry; it has a ``key``.

    Returns
    -------
    mapping of str to entry
        By key, in the order of the modules' names.

    Raises
    ------
    TypeError
        If a module has something else under this name.
    ValueError
        If two entries have one key.
    """
    found: dict[str, Entry] = {}
    for module in pkgutil.iter_modules(path):
        imported = importlib.import_module(f"{package}.{module.name}")
        entries = getattr(imported, attribute, ())
        for entry in entries if isinstance(entries, tuple) else (entries,):
            if not isinstance(entry, kind):
                raise TypeError(
                    f"{imported.__file__}: {attribute} must hold {kind.__name__}, got {entry!r}"
                )
            if entry.key in found:
                raise ValueError(f"{imported.__file__}: the key {entry.key!r} is taken already")
            found[entry.key] = entry
    return MappingProxyType(found)


def look_up(entries: Mapping[str, Entry], key: str, kind: str) -> Entry:
    """Return the entry of a key.

    Raises
    ------
    ValueError
        If there is none, with the keys that there are.
    """
    if key not in entries:
        raise ValueError(f"unknown {kind} {key!r}: choose one of {', '.join(entries)}")
    return entries[key]
