"""Methods and settings of the trainings with attribution priors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral

__all__ = [
    "METHODS",
    "STRENGTHS",
    "WITHOUT_BIAS",
    "WITHOUT_PRIOR",
    "PriorSettings",
    "check_whole",
]

WITHOUT_BIAS = ("unregularised_without_bias", "x_gradient")
"""Methods whose networks have no biases."""

WITHOUT_PRIOR = ("unregularised", "unregularised_without_bias")
"""Methods that train with the cross-entropy alone."""

METHODS = (*WITHOUT_PRIOR, "rrr", "gradient", "expected_gradients", "x_gradient", "ig")
"""No prior, with and without biases; and priors on the attributions of "Right for the Right
Reasons", the gradient, Expected Gradients, X-Gradient (of networks without biases) and Integrated
Gradients."""

STRENGTHS = (0.01, 0.1, 1.0, 10.0, 100.0)
"""Published grid of lambda, the factor of the prior in the loss."""


@dataclass(frozen=True)
class PriorSettings:
    """Settings that all trainings of the experiment share; the defaults are the published values.

    Parameters
    ----------
    n_train, n_validation : int
        Rows to train on and to select the epoch with; all others are test rows.
    hidden : tuple of int
        Widths of the hidden layers.
    epochs : int
        Steps, each on all training rows.
    learning_rate : float
        Of Adam.
    n_references : int
        References per training row and epoch of Expected Gradients, the k of EG(k).
    n_steps : int
        Gauss-Legendre nodes of Integrated Gradients with the zero baseline.

    Raises
    ------
    ValueError
        If a value is invalid; the message names the setting.

    References
    ----------
    Hesse et al. (2021), Sec. 4.3, and the released ``run_sparsity_experiments.py``.
    """

    n_train: int = 100
    n_validation: int = 100
    hidden: tuple[int, ...] = (512, 128, 32)
    epochs: int = 100
    learning_rate: float = 1e-3
    n_references: int = 1
    n_steps: int = 32

    def __post_init__(self) -> None:
        """Check every value."""
        for name in ("n_train", "n_validation", "epochs", "n_references", "n_steps"):
            check_whole(name, getattr(self, name))
        if not self.hidden:
            raise ValueError("hidden must name the width of at least one hidden layer")
        for width in self.hidden:
            check_whole("a width in hidden", width)
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise ValueError(f"learning_rate must be positive, got {self.learning_rate!r}")


def check_whole(name: str, value: object) -> None:
    """Refuse anything but a whole number of at least 1."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}")
