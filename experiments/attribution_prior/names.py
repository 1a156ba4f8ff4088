"""Names of priors for readers."""

from __future__ import annotations

from experiments.methods import method

__all__ = ["prior_name"]


def prior_name(key: str, n_gradients: int) -> str:
    """Return the printed name of a prior; of EG and IG with the number of gradients per row."""
    counted = key in ("expected_gradients", "ig")
    return method(key).printed("attribution_prior") + (f" ({n_gradients})" if counted else "")
