"""Shared by the tests of the simulated genomics."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from experiments.genomics.sequences import encode, one_hot

SHARED = Path(__file__).resolve().parents[4] / "shared"
RELEASED = SHARED / "data" / "deeplift_genomics"
needs_released = pytest.mark.skipif(
    not RELEASED.exists(), reason="the verification data next to the checkout is missing"
)
WEIGHTS = "keras2_conv1d_record_5_model_PQzyq_modelWeights.h5"
# Of the layers as Keras stores them.
SHAPES = {
    "conv1d_1": (11, 4, 50),
    "conv1d_2": (11, 50, 50),
    "dense_1": (50, 50),
    "dense_2": (50, 3),
}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def consensus(letters: str) -> torch.Tensor:
    """A motif that is one sequence."""
    return one_hot(encode([letters]), torch.float64)[0].T


GATA, TAL = consensus("GATAAGATAA"), consensus("CCCAGATGTTTACCCC")
