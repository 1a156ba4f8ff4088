"""The area under a curve."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from xgradient.masking import (
    area_under_curve,
)

PUBLISHED_FRACTIONS = [float(f) for f in np.geomspace(0.01, 1, 16)]


def test_area_is_the_trapezoid_rule_on_a_linear_axis():
    fractions = torch.tensor(PUBLISHED_FRACTIONS, dtype=torch.float64)
    assert area_under_curve(torch.ones(16), fractions).item() == pytest.approx(0.99, abs=1e-12)
    assert area_under_curve(fractions, fractions).item() == pytest.approx((1 - 0.01**2) / 2)
    scores = torch.rand(3, 2, 16, generator=torch.Generator().manual_seed(0))
    area = area_under_curve(scores, PUBLISHED_FRACTIONS)
    assert area.dtype == torch.float64
    np.testing.assert_allclose(area, np.trapezoid(scores.double(), fractions))
    assert area_under_curve(scores > 0.5, fractions).shape == (3, 2)
