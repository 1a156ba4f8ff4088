"""Printed names, by the keys that paths, configurations and tables use.

Methods and architectures have theirs in their registries, `experiments.methods` and
`experiments.networks.architectures`.
"""

from __future__ import annotations

__all__ = ["BY_CHANGES", "QUADRATURES", "VARIANTS"]

VARIANTS = {"regular": "regular", "stripped": "stripped", "x": "X-DNN"}
"""With biases; with the biases removed and not trained further; trained without biases."""

QUADRATURES = {
    "gausslegendre": "Gauss-Legendre",
    "riemann_left": "left Riemann",
    "riemann_right": "right Riemann",
    "riemann_middle": "midpoint",
    "riemann_trapezoid": "trapezoid",
}
"""Quadrature rules of Integrated Gradients."""

BY_CHANGES = "by_changes"
"""A rule that knows where units change their sides along the path: equally many in every cell."""
