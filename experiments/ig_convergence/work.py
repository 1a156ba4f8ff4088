"""The work of the experiment on one net: see `experiments.work`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experiments.work import Work, at_most

__all__ = ["measuring"]


def measuring(settings: Mapping[str, Any], available: int, variant: str) -> Work:
    """Return the work of the references and of every rule and number of steps.

    Of the exact reference this is the most that its budget allows.
    """
    images = at_most(settings["n_images"], available)
    steps = settings["reference_steps"] + sum(
        n_steps
        for rule in settings["methods"]
        for n_steps in settings["n_steps"]
        # The trapezoid rule needs both end points.
        if not (rule == "riemann_trapezoid" and n_steps < 2)
    )
    kind = "gradient_float64" if settings["precision"][variant] == "float64" else "gradient"
    done = Work(images, **{kind: images * steps})
    exact = at_most(settings["exact_images"], images)
    # Of a piece both ends are evaluated, before and after the cuts; and its gradient in the middle.
    pieces = exact * settings["max_pieces"]
    # The rule that places its nodes by the changes.
    by_changes = exact * sum(settings["n_steps"])
    return done + Work(forward=3 * pieces, gradient_float64=pieces + by_changes)
