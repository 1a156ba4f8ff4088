"""The work of the experiment on one net: see `experiments.work`."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from experiments.work import Work, at_most

__all__ = ["measuring"]


def measuring(settings: Mapping[str, Any], available: int, variant: str) -> Work:
    """Return the work of the references and of every rule and number of steps.

    Of the exact reference this is the most that its budget allows.
    """
    images = at_most(settings["n_images"], available)
    rules = [("gausslegendre", settings["reference_steps"])] + [
        (rule, n_steps) for rule in settings["methods"] for n_steps in settings["n_steps"]
    ]
    steps = len(set[object]().union(*(_nodes(*rule) for rule in rules)))
    kind = "gradient_float64" if settings["precision"][variant] == "float64" else "gradient"
    done = Work(images, **{kind: images * steps})
    exact = at_most(settings["exact_images"], images)
    # Of a piece both ends are evaluated, before and after the cuts; and its gradient in the middle.
    pieces = exact * settings["max_pieces"]
    # The rule that places its nodes by the changes.
    by_changes = exact * sum(settings["n_steps"])
    return done + Work(forward=3 * pieces, gradient_float64=pieces + by_changes)


def _nodes(rule: str, n_steps: int) -> set[object]:
    """Name the nodes of a rule, equal where two rules share one: each is evaluated once."""
    if rule == "gausslegendre":
        # Only their middle is a fraction.
        own = {(n_steps, number) for number in range(n_steps - n_steps % 2)}
        return {*own, Fraction(1, 2)} if n_steps % 2 else {*own}
    if rule == "riemann_trapezoid":
        # It needs both end points.
        return (
            {Fraction(number, n_steps - 1) for number in range(n_steps)} if n_steps > 1 else set()
        )
    shift = {"riemann_left": 0, "riemann_middle": 1, "riemann_right": 2}[rule]
    return {Fraction(2 * number + shift, 2 * n_steps) for number in range(n_steps)}
