"""Attribution at random is uniform."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from tests.oracles.helpers import generator
from xgradient.attribution import (
    random_attribution,
)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_random_attribution_is_uniform(dtype):
    inputs = torch.ones(20, 3, 20, 20, dtype=dtype)
    arguments = (nn.Identity(), inputs, torch.zeros(20, dtype=torch.long))
    result = random_attribution(*arguments, generator=generator())
    assert result.shape == inputs.shape
    assert result.dtype == dtype
    assert result.min() >= -0.5
    assert result.max() <= 0.5
    values = result.double()
    assert float(values.mean()) == pytest.approx(0, abs=0.01)
    assert float(values.var()) == pytest.approx(1 / 12, abs=0.002)
    # Independent between images and between channels.
    assert float(np.abs(np.corrcoef(values.flatten(2)[0])[0, 1])) < 0.2
    assert not torch.equal(result[0], result[1])
    assert torch.equal(result, random_attribution(*arguments, generator=generator()))
