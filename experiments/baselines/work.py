"""The work of the experiment on one net: see `experiments.work`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from experiments.baselines.names import BASELINES
from experiments.masking.work import METRICS
from experiments.planning import Plan, Planned
from experiments.work import Work, at_most

__all__ = ["measuring", "plan"]


def measuring(settings: Mapping[str, Any], available: int, variant: str) -> Work:
    """Return the work of attributions and masks from every baseline, and of other normalisations.

    Of masked images it is an upper bound, as equal masks are run once. Where the training mean is
    that of all images, these are not counted.
    """
    images, shown = at_most(settings["n_images"], available), settings["shown"]
    keys, n_steps = settings["compared"], settings["n_steps"]
    kind = "gradient_float64" if settings["precision"][variant] == "float64" else "gradient"
    averaged = sum(BASELINES[key].averaged for key in keys)
    masks = len(keys) * METRICS * settings["fractions"]["count"]
    replaced = min(settings["replacement_images"], images) * (len(keys) - averaged)
    mean_images = (settings["mean_images"] or 0) if "training_mean" in keys else 0
    done = Work(
        images + shown,
        # Of an image that is shown they are drawn twice.
        references=(images + 2 * shown) * averaged * n_steps + mean_images,
        # The logits of the images and at all starts, and masked images.
        forward=images
        + (images + shown) * (len(keys) + averaged * (n_steps - 1))
        + (images + replaced) * masks,
        **{kind: (images + shown) * len(keys) * n_steps + images},
    )
    if variant == "regular":
        return done
    zeros = sum(BASELINES[key].fixed for key in keys)
    with_zeros = images * (1 + zeros * (1 + 3 * settings["identity_steps"])) + shown * zeros
    return done + Work(images + shown, forward=images * zeros, gradient_float64=with_zeros)


def plan(run: Plan, network: str) -> Iterator[Planned]:
    """Yield the measurements, with the training images that they read."""
    settings, available = run.settings(network), run.available(network)
    n_references = run.n_references(network)
    mean_images = at_most(settings["mean_images"], n_references)
    # Every shard takes the mean for itself.
    settings["mean_images"] = run.n_shards * mean_images
    from_files = run.image_form(network) == "folders"
    for variant in run.variants(network):
        done = measuring(settings, available, variant)
        yield run.shards(
            "measure_baselines",
            network,
            [variant],
            done,
            decoded=done.references if from_files else 0,
            read=0 if from_files else run.pixels(network, done.references),
            blocks=math.ceil(at_most(settings["n_images"], available) / settings["batch_size"]),
        )
