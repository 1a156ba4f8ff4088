"""Data for the tests of the simulated genomics."""

from __future__ import annotations

import pytest
import torch

from experiments.genomics.simulation import simulate_sequences
from experiments.genomics.storage import read_motifs


@pytest.fixture(scope="module")
def motifs(root):
    names = ("GATA_disc1", "TAL1_known1")
    return read_motifs([str(root / f"workflow/published/pwm_{name}.csv") for name in names])


@pytest.fixture(scope="module")
def simulated(motifs):
    return simulate_sequences(motifs, 8, generator=torch.Generator().manual_seed(0))
