"""Shared by the tests of the attributions."""

from __future__ import annotations

import sys

import pytest
import torch
from hypothesis import settings
from torch import Tensor, nn

from xgradient.homogeneous import NotHomogeneousError, check_homogeneous

slowly = settings(max_examples=25, deadline=None)


def close(actual: Tensor, expected: Tensor, tolerance: float = 1e-12) -> None:
    """Compare relative to the largest value of all: what cancels has no digits of its own."""
    assert actual.shape == expected.shape
    assert actual.dtype == expected.dtype
    scale = max(float(expected.abs().max()), 1e-30)
    assert float((actual - expected).abs().max()) <= tolerance * scale


def without_sharing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make integrated_gradients run the first layer at every node."""
    # By its name in sys.modules, since the function hides the module in the package.
    module = sys.modules["xgradient.attribution.integrated_gradients"]
    monkeypatch.setattr(module, "only_reader", lambda *_: None)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def refused(net: nn.Module, inputs: Tensor, **options) -> NotHomogeneousError:
    with pytest.raises(NotHomogeneousError) as caught:
        check_homogeneous(net.to(inputs.dtype), inputs, **options)
    return caught.value
