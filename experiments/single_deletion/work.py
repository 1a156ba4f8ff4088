"""The work of the experiment on one net: see `experiments.work`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from experiments.planning import Plan, Planned
from experiments.work import Work, at_most, attributing, methods_of

__all__ = ["measuring", "plan"]


def measuring(settings: Mapping[str, Any], available: int, variant: str) -> Work:
    """Return the work of attributions and deletions, of the net as trained and in-domain."""
    images, methods = at_most(settings["n_images"], available), methods_of(settings, variant)
    once = attributing(images, settings, methods, settings["precision"][variant])
    once += Work(images, forward=images * (settings["grid"] ** 2 + 1))
    return once + once


def plan(run: Plan, network: str) -> Iterator[Planned]:
    """Yield the training on images with a deleted cell, and the measurement of both nets."""
    for variant in run.variants(network):
        epochs = run.settings(network)["in_domain"]["epochs"]
        yield run.fine_tuning("fine_tune_single_deletion", network, variant, epochs)
        # Of the net in-domain, too.
        yield run.measurement(network, variant, nets=2)
