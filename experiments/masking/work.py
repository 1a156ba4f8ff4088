"""The work of the experiment on one net: see `experiments.work`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from experiments.planning import Plan, Planned
from experiments.work import Work, at_most, methods_of
from experiments.work import attributing as attributing_images

__all__ = ["METRICS", "attributing", "evaluating", "examples", "plan"]

METRICS = 6
"""Masking metrics of every attribution."""

_FLOAT = 4


def attributing(settings: Mapping[str, Any], available: int, variant: str) -> Work:
    """Return the work of the attributions; the variant determines methods and precision."""
    images, methods = at_most(settings["n_images"], available), methods_of(settings, variant)
    return attributing_images(images, settings, methods, settings["precision"][variant])


def evaluating(settings: Mapping[str, Any], available: int, variant: str) -> Work:
    """Return the work of evaluating masked images; an upper bound, as equal masks are run once.

    Every method has six metrics at all fractions, and insertion and deletion, which have the
    unchanged image in common. Where XG is defined, Input×Gradient gives the same numbers, and only
    one of them is evaluated.
    """
    images, methods = at_most(settings["n_images"], available), methods_of(settings, variant)
    steps = settings["insertion_deletion"]
    masks = METRICS * settings["fractions"]["count"]
    masks += 0 if steps is None else 2 * (steps + 1) - 1
    same = {"x_gradient", "input_x_gradient"} <= set(methods)
    return Work(images, forward=images * masks * (len(methods) - same))


def examples(settings: Mapping[str, Any], available: int, variant: str) -> Work:
    """Return the work of attributing and masking a few images to look at."""
    shown, methods = settings["examples"], methods_of(settings, variant)
    images = shown["n_images"]
    attributed = attributing_images(images, settings, methods, settings["precision"][variant])
    masked = 2 + len(methods) * len(shown["fractions"])
    return attributed + Work(images, forward=images * masked)


def plan(run: Plan, network: str) -> Iterator[Planned]:
    """Yield attributions, which are not kept, their evaluation, and examples."""
    settings, available = run.settings(network), run.available(network)
    channels, height, width = run.image_shape(network)
    from_files = run.image_form(network) == "folders"
    steps = settings["insertion_deletion"]
    n_fractions, n_steps = settings["fractions"]["count"], 0 if steps is None else steps + 1
    for variant in run.variants(network):
        methods = methods_of(settings, variant)
        made = attributing(settings, available, variant)
        done = evaluating(settings, available, variant)
        maps = _FLOAT * made.images * len(methods) * height * width
        # The target logit and whether it is the largest; insertion and deletion.
        of_method = METRICS * n_fractions * (_FLOAT + 1) + 2 * n_steps * _FLOAT
        shared = 8 * (n_fractions + n_steps)
        scores = done.images * (8 + len(methods) * of_method) + run.n_shards * shared
        yield run.shards(
            "attribute_masking",
            network,
            [variant],
            made,
            decoded=made.references if from_files else 0,
            read=0 if from_files else run.pixels(network, made.references),
            written=maps,
            kept=False,
        )
        yield run.shards(
            "evaluate_masking", network, [variant], done, read=maps, written=scores, kept=False
        )
        yield Planned("merge_masking", f"{network}-{variant}", read=scores)
    variant, shown = settings["examples"]["variant"], settings["examples"]
    methods = methods_of(settings, variant)
    done = examples(settings, available, variant)
    images = 2 + len(methods) * len(shown["fractions"])
    numbers = channels * height * width * images + images + len(methods) * height * width
    yield Planned(
        "examples_masking",
        network,
        done,
        network=network,
        decoded=done.references if from_files else 0,
        read=run.pixels(network, done.images) + run.model_bytes(network, variant),
        written=_FLOAT * shown["n_images"] * numbers,
    )
