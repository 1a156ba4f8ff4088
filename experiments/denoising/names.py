"""The nets of this experiment; without torch, since the workflow reads it."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["BUILDER", "NETS"]

BUILDER = "experiments.denoising.nets:denoiser"
"""See `experiments.networks.checkpoints.build_network`."""

NETS: Mapping[str, str] = {"bias_free": "bias-free", "with_biases": "with biases"}
"""Names for readers, by key."""
