"""The published protocol of training with attribution priors, and how a run differs from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["PROTOCOL", "protocol_of", "published_curve"]

PUBLISHED = "published"

PROTOCOL: Mapping[str, Any] = {
    "n_repetitions": 200,
    "n_references": 1,
    "lambdas": [0.01, 0.1, 1.0, 10.0, 100.0],
    "settings": {
        "n_train": 100,
        "n_validation": 100,
        "hidden": [512, 128, 32],
        "epochs": 100,
        "learning_rate": 1e-3,
    },
}
"""The published values of configuration keys (Hesse et al. 2021, Sec. 4.3, and released code)."""


def protocol_of(settings: Mapping[str, Any], **more: tuple[Any, Any]) -> str:
    """Name the protocol of a run.

    Parameters
    ----------
    settings : mapping
        The section ``attribution_prior`` of the configuration.
    **more
        Further values, each with the published one.

    Returns
    -------
    str
        "published", or "other: " and the settings that differ.
    """
    differing = [
        name for name, value in PROTOCOL.items() if name != "settings" and settings[name] != value
    ]
    differing += [
        f"settings.{name}"
        for name, value in PROTOCOL["settings"].items()
        if settings["settings"][name] != value
    ]
    differing += [name for name, (value, published) in more.items() if value != published]
    return f"other: {', '.join(differing)}" if differing else PUBLISHED


def published_curve(curve: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return the settings of the curve of EG(k), each with the published one."""
    return {
        "eg_references.n_repetitions": (curve["n_repetitions"], PROTOCOL["n_repetitions"]),
        "eg_references.lambda": (curve["lambda"], 1.0),
    }
