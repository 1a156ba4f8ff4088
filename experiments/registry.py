"""Registries: entries in the modules of a package, found without a list."""

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
        Name under which a module has its entry or a tuple of entries; a module may have neither.
    kind : type
        Type of the entries, which have a ``key``.

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
                raise ValueError(f"{imported.__file__}: the key {entry.key!r} is already taken")
            found[entry.key] = entry
    return MappingProxyType(found)


def look_up(entries: Mapping[str, Entry], key: str, kind: str) -> Entry:
    """Return the entry of a key.

    Raises
    ------
    ValueError
        If the key is unknown; the message lists the known ones.
    """
    if key not in entries:
        raise ValueError(f"unknown {kind} {key!r}: choose one of {', '.join(entries)}")
    return entries[key]
