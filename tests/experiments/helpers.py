"""Shared by the tests of the experiments."""

from __future__ import annotations

from typing import Any

from experiments.attributions import Attribution, load_attributions
from experiments.methods import method

__all__ = ["Named", "attributions"]


def attributions(*keys: str, **settings: Any) -> dict[str, Attribution]:
    """Return methods of the registry as a job runs them, with an experiment's settings."""
    return load_attributions({key: method(key).call(settings) for key in keys})


class Named(dict):
    """Stands in for Snakemake's Namedlist: values when iterated, names by attribute."""

    __getattr__ = dict.__getitem__

    def __iter__(self):
        return iter(self.values())
