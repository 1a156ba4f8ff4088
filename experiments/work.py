"""The work of an experiment on one net: images, and passes through the net, from its settings.

The requests of jobs (``workflow/rules/resources.smk``) and the estimate of a whole run
(`experiments.scaling`) both count with these functions. Left out are the passes of single images
with which some methods examine the net, about ten for each block of images.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from experiments.methods import method

__all__ = [
    "PASSES",
    "Work",
    "accuracy",
    "attributing",
    "attribution_maps",
    "contrast",
    "ig_convergence",
    "masked_examples",
    "masking",
    "mean_relative_difference",
    "saturation",
    "single_deletion",
    "training",
]

PASSES = ("forward", "gradient", "gradient_float64", "gradient_rounded", "training")
"""Kinds of passes, as `Work` names them."""

_METRICS = 6


@dataclass(frozen=True)
class Work:
    """Images that are read, and passes through a net, each counted per image.

    Parameters
    ----------
    images : int
        Images read, each as often as it is read.
    references : int
        Training images that baselines are drawn from, read one by one.
    forward : int
        Evaluations.
    gradient : int
        Forward passes, each with a backward pass to the input, in float32.
    gradient_float64 : int
        The same in float64.
    gradient_rounded : int
        The same in float32, with the operands of every product rounded to another format.
    training : int
        Forward and backward passes to all parameters, with their share of an update.
    """

    images: int = 0
    references: int = 0
    forward: int = 0
    gradient: int = 0
    gradient_float64: int = 0
    gradient_rounded: int = 0
    training: int = 0

    def __add__(self, other: Work) -> Work:
        """Return the work of both."""
        return Work(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    @property
    def n_passes(self) -> int:
        """Passes of all kinds; one in float64 takes at least twice as long, and counts as two."""
        return sum(getattr(self, kind) for kind in PASSES) + self.gradient_float64

    @property
    def kind(self) -> str:
        """The most expensive kind: ``"forward"``, ``"gradient"`` or ``"training"``."""
        if self.training:
            return "training"
        with_backward = self.gradient + self.gradient_float64 + self.gradient_rounded
        return "gradient" if with_backward else "forward"


def _at_most(wanted: int | None, available: int) -> int:
    return available if wanted is None else min(wanted, available)


def accuracy(settings: Mapping[str, Any], available: int) -> Work:
    """Return the work of measuring the accuracy: every image once.

    Parameters
    ----------
    settings : mapping
        The experiment's section of the configuration, with what the net has of its own; so for all
        functions of this module.
    available : int
        Test images of the data set.
    """
    images = _at_most(settings["n_images"], available)
    return Work(images, forward=images)


def contrast(settings: Mapping[str, Any], available: int) -> Work:
    """Return the work of measuring the accuracy at several contrasts; see `accuracy`."""
    images = _at_most(settings["n_images"], available)
    return Work(images, forward=images * len(settings["alphas"]))


def mean_relative_difference(settings: Mapping[str, Any], available: int) -> Work:
    """Return the work of IG and Input×Gradient in every precision; see `accuracy`.

    The number of images per number of bits is that of the variant.
    """
    total = Work()
    for precision, wanted in settings["n_images"].items():
        kind = {"float32": "gradient", "float64": "gradient_float64"}.get(
            precision, "gradient_rounded"
        )
        images = _at_most(wanted, available)
        total += Work(images, **{kind: images * (settings["n_steps"] + 1)})
    images = _at_most(settings["mantissa_images"], available) * len(settings["mantissa_bits"])
    return total + Work(images, gradient_rounded=images * (settings["n_steps"] + 1))


def ig_convergence(settings: Mapping[str, Any], available: int) -> Work:
    """Return the work of the references and of every rule and number of steps; see `accuracy`.

    Of the exact reference this is the most that its budget allows. The precision of the settings is
    that of the variant.
    """
    images = _at_most(settings["n_images"], available)
    steps = settings["reference_steps"] + sum(
        n_steps
        for rule in settings["methods"]
        for n_steps in settings["n_steps"]
        # The trapezoid rule needs both end points.
        if not (rule == "riemann_trapezoid" and n_steps < 2)
    )
    kind = "gradient_float64" if settings["precision"] == "float64" else "gradient"
    done = Work(images, **{kind: images * steps})
    exact = _at_most(settings["exact_images"], images)
    # Of a piece both ends are evaluated, before and after the cuts; and its gradient in the middle.
    pieces = exact * settings["max_pieces"]
    # The rule that places its nodes by the changes.
    by_changes = exact * sum(settings["n_steps"])
    return done + Work(forward=3 * pieces, gradient_float64=pieces + by_changes)


def attribution_maps(settings: Mapping[str, Any], methods: Iterable[str]) -> Work:
    """Return the work of attributing a few images at several contrasts.

    Parameters
    ----------
    settings : mapping
        See `accuracy`.
    methods : iterable of str
        Methods of all variants of the net, one after the other.
    """
    images, keys = settings["n_images"], tuple(methods)
    attributed = images * len(settings["alphas"])
    return Work(
        images,
        forward=attributed * sum(method(key).evaluations for key in keys),
        gradient=attributed * sum(_gradients(key, settings) for key in keys),
    )


def attributing(
    settings: Mapping[str, Any], available: int, methods: Iterable[str], variant: str
) -> Work:
    """Return the work of the attributions of the masking experiment.

    Parameters
    ----------
    settings, available
        See `accuracy`.
    methods : iterable of str
        Those that fit the variant.
    variant : str
        It determines the precision of all methods without random draws.
    """
    images = _at_most(settings["n_images"], available)
    return _attributing(images, settings, methods, settings["precision"][variant])


def masking(settings: Mapping[str, Any], available: int, methods: Sequence[str]) -> Work:
    """Return the work of evaluating masked images; an upper bound, as equal masks are run once.

    Every method has six metrics at all fractions, and insertion and deletion, which have the
    unchanged image in common. Where XG is defined, Input×Gradient gives the same numbers, and only
    one of them is evaluated.

    Parameters
    ----------
    settings, available, methods
        See `attributing`.
    """
    images = _at_most(settings["n_images"], available)
    steps = settings["insertion_deletion"]
    masks = _METRICS * settings["fractions"]["count"]
    masks += 0 if steps is None else 2 * (steps + 1) - 1
    same = {"x_gradient", "input_x_gradient"} <= set(methods)
    return Work(images, forward=images * masks * (len(methods) - same))


def masked_examples(settings: Mapping[str, Any], methods: Sequence[str]) -> Work:
    """Return the work of attributing and masking a few images to look at; see `attributing`."""
    examples = settings["examples"]
    images, precision = examples["n_images"], settings["precision"][examples["variant"]]
    shown = 2 + len(methods) * len(examples["fractions"])
    attributed = _attributing(images, settings, methods, precision)
    return attributed + Work(images, forward=images * shown)


def saturation(settings: Mapping[str, Any], available: int) -> Work:
    """Return the work of following score and gradient of a few images; see `accuracy`."""
    images = _at_most(settings["n_images"], available)
    # The image itself, the path, the walk with its start, and what is shown.
    points = settings["n_points"] + settings["walk"]["n_steps"] + len(settings["shown"])
    return Work(images, forward=images * (points + 2), gradient_float64=images * (points + 2))


def single_deletion(settings: Mapping[str, Any], available: int) -> Work:
    """Return the work of attributions and deletions, of the net as trained and in-domain.

    The methods and the precision of the settings are those of the variant; see `accuracy`.
    """
    images = _at_most(settings["n_images"], available)
    once = _attributing(images, settings, settings["methods"], settings["precision"])
    once += Work(images, forward=images * (settings["grid"] ** 2 + 1))
    return once + once


def training(settings: Mapping[str, Any], epochs: int, n_train: int, n_validation: int) -> Work:
    """Return the work of a training, with an evaluation before it and after every epoch.

    Parameters
    ----------
    settings : mapping
        ``batch_size``: a last batch that is not full is left out.
    epochs : int
        Passes over the training images.
    n_train, n_validation : int
        Images.
    """
    trained = epochs * (n_train // settings["batch_size"]) * settings["batch_size"]
    evaluated = (epochs + 1) * n_validation
    return Work(trained + evaluated, forward=evaluated, training=trained)


def _attributing(
    images: int, settings: Mapping[str, Any], methods: Iterable[str], precision: str
) -> Work:
    total = Work(images)
    for key in methods:
        entry, gradients = method(key), images * _gradients(key, settings)
        drawn = images if entry.baselines == "training data" else 0
        total += Work(references=drawn, forward=images * entry.evaluations)
        # Random draws are made, and used, in float32.
        if precision == "float64" and not entry.random:
            total += Work(gradient_float64=gradients)
        else:
            total += Work(gradient=gradients)
    return total


def _gradients(key: str, settings: Mapping[str, Any]) -> int:
    """Return the gradients per image of a method."""
    entry = method(key)
    steps: int = entry.call(settings)["arguments"].get("n_steps", 1)
    return entry.gradients * steps
