"""What the tests of the experiments share."""

from __future__ import annotations

from typing import Any

from experiments.attributions import Attribution, load_attributions
from experiments.methods import method

__all__ = ["attributions"]


def attributions(*keys: str, **settings: Any) -> dict[str, Attribution]:
    """Return methods of the registry as a job runs them, with an experiment's settings."""
    return load_attributions({key: method(key).call(settings) for key in keys})
