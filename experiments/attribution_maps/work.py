"""The work of the experiment on one net: see `experiments.work`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from experiments.methods import method
from experiments.planning import Plan, Planned
from experiments.work import Work, gradients, methods_of

__all__ = ["measuring", "plan"]


_FLOAT = 4


def measuring(settings: Mapping[str, Any], available: int, variants: Iterable[str]) -> Work:
    """Return the work of attributing a few images at several contrasts, with all variants."""
    keys = _methods(settings, variants)
    images = settings["n_images"]
    attributed = images * len(settings["alphas"])
    return Work(
        images,
        forward=attributed * sum(method(key).evaluations for key in keys),
        gradient=attributed * sum(gradients(key, settings) for key in keys),
    )


def plan(run: Plan, network: str) -> Iterator[Planned]:
    """Yield the jobs that attribute: each with all variants of the net."""
    settings, variants = run.settings(network), run.variants(network)
    done = measuring(settings, run.available(network), variants)
    channels, height, width = run.image_shape(network)
    maps = len(settings["alphas"]) * (channels + len(_methods(settings, variants)))
    yield run.shards(
        "measure_attribution_maps",
        network,
        variants,
        done,
        subject=network,
        blocks=done.images,
        written=_FLOAT * done.images * maps * height * width,
    )


def _methods(settings: Mapping[str, Any], variants: Iterable[str]) -> list[str]:
    """Return the methods of all variants, one after the other."""
    return [key for variant in variants for key in methods_of(settings, variant)]
