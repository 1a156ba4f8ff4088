"""The work of an experiment on one net: images, and passes through the net, from its settings.

Every experiment on networks counts its own in ``experiments/NAME/work.py``, with what is shared
here: ``measuring(settings, available, variant)`` takes its section of the configuration, with what
the net has of its own, the number of test images and the variant of the net. The requests of jobs
(``workflow/rules/resources.smk``) and the estimate of a whole run (`experiments.planned_work`) use
it. Left out are the passes of single images with which some methods examine the net, about ten for
each block of images.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from experiments.methods import method

__all__ = ["PASSES", "Work", "at_most", "attributing", "gradients", "methods_of", "training"]

PASSES = ("forward", "gradient", "gradient_float64", "gradient_rounded", "training")
"""Kinds of passes, as `Work` names them."""


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


def at_most(wanted: int | None, available: int) -> int:
    """Return how many images are used; None stands for all."""
    return available if wanted is None else min(wanted, available)


def methods_of(settings: Mapping[str, Any], variant: str) -> list[str]:
    """Return the methods of an experiment that are defined for a variant."""
    return [
        key for key in settings["methods"] if variant != "regular" or not method(key).homogeneous
    ]


def gradients(key: str, settings: Mapping[str, Any]) -> int:
    """Return the gradients per image of a method."""
    entry = method(key)
    steps: int = entry.call(settings)["arguments"].get("n_steps", 1)
    return entry.gradients * steps


def attributing(
    images: int, settings: Mapping[str, Any], methods: Iterable[str], precision: str
) -> Work:
    """Return the work of attributing images.

    Parameters
    ----------
    images : int
        How many.
    settings : mapping
        The arguments of the methods, such as ``n_steps``.
    methods : iterable of str
        Their keys.
    precision : str
        Of all methods without random draws.
    """
    total = Work(images)
    for key in methods:
        entry, taken = method(key), images * gradients(key, settings)
        drawn = images if entry.baselines == "training data" else 0
        total += Work(references=drawn, forward=images * entry.evaluations)
        # Random draws are made, and used, in float32.
        if precision == "float64" and not entry.random:
            total += Work(gradient_float64=taken)
        else:
            total += Work(gradient=taken)
    return total


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
