"""Shared by the tests of the experiments."""

from __future__ import annotations

import ctypes
from typing import Any

from experiments.attributions import Attribution, load_attributions
from experiments.methods import method

__all__ = ["Named", "attributions", "signal_at_end_of_parent"]


def attributions(*keys: str, **settings: Any) -> dict[str, Attribution]:
    """Return methods of the registry as a job runs them, with an experiment's settings."""
    return load_attributions({key: method(key).call(settings) for key in keys})


def signal_at_end_of_parent() -> int:
    """Return the signal that Linux sends to this process when its parent ends; 0 is none."""
    number = ctypes.c_int()
    ctypes.CDLL(None).prctl(2, ctypes.byref(number))  # PR_GET_PDEATHSIG
    return number.value


class Named(dict):
    """Stands in for Snakemake's Namedlist: values when iterated, names by attribute."""

    __getattr__ = dict.__getitem__

    def __iter__(self):
        return iter(self.values())
