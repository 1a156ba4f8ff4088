"""Shared by the tests of the experiments."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import yaml

from experiments.attributions import Attribution, load_attributions
from experiments.methods import method
from experiments.settings import merge

__all__ = ["Named", "attributions", "shipped_configurations", "signal_at_end_of_parent"]

# Files of config/ that are given after another one.
_ON_TOP_OF = {"imagenet_training": "imagenet", "imagenette_gpu": "imagenette"}


def shipped_configurations(root: Path) -> dict[str, dict[str, Any]]:
    """Return the files of config/ by name, those on top of another one merged with it."""
    files = {
        path.stem: yaml.safe_load(path.read_text()) for path in (root / "config").glob("*.yaml")
    }
    below = {name: files[base] for name, base in _ON_TOP_OF.items()}
    return {name: merge(below.get(name, {}), file) for name, file in files.items()}


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
