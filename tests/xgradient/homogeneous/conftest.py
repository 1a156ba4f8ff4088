"""Shared by the tests of homogeneity."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor


@pytest.fixture
def inputs() -> Tensor:
    """Two inputs of four features."""
    return torch.randn(2, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
