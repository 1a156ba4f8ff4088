"""The work of the experiment on one net: see `experiments.work`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experiments.work import Work, at_most

__all__ = ["measuring"]


def measuring(settings: Mapping[str, Any], available: int, variant: str) -> Work:
    """Return the work of IG and Input×Gradient in every precision and by bits of the products."""
    total = Work()
    for precision, wanted in settings["n_images"].items():
        kind = {"float32": "gradient", "float64": "gradient_float64"}.get(
            precision, "gradient_rounded"
        )
        images = at_most(wanted, available)
        total += Work(images, **{kind: images * (settings["n_steps"] + 1)})
    by_bits = settings["mantissa_images"][variant]
    images = at_most(by_bits, available) * len(settings["mantissa_bits"])
    return total + Work(images, gradient_rounded=images * (settings["n_steps"] + 1))
