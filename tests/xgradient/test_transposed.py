"""The transposed derivative against autograd's own."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn

from xgradient._transposed import transposed


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("enabled", [True, False])
def test_transposed_is_the_vector_jacobian_product_to_the_last_bit(dtype, enabled):
    layer = nn.Conv2d(2, 3, 3, stride=2).to(dtype)
    points = [torch.randn(4, 2, 9, 9, dtype=dtype, requires_grad=True) for _ in range(2)]
    output = layer(points[0]) * layer(points[1]).relu()
    values = torch.randn_like(output)
    expected = torch.autograd.grad(output, points, values, retain_graph=True)
    with torch.set_grad_enabled(enabled):
        found = transposed(output, points, values, retain_graph=True)
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one, other)


def test_what_is_not_finite_before_does_not_spread():
    """DeepLIFT takes the derivative of a linear layer at any point, that is of any memory."""
    layer = nn.Linear(3, 2)
    point = torch.full((1, 3), torch.nan, requires_grad=True)
    (found,) = transposed(layer(point), point, torch.ones(1, 2))
    torch.testing.assert_close(found, layer.weight.sum(0, keepdim=True))


ATTRIBUTE = """
import sys, torch
from torch import nn
from xgradient.attribution import integrated_gradients
from xgradient.deeplift import deeplift
net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2)).eval()
for method in (integrated_gradients, deeplift):
    method(net, torch.ones(1, 1, 4, 4), 0)
print(sorted({"sympy", "torch._dynamo"} & set(sys.modules)))
"""


def test_attributions_import_no_symbolic_algebra():
    """It would take longer than most attributions."""
    finished = subprocess.run(
        [sys.executable, "-c", ATTRIBUTE], capture_output=True, text=True, check=True
    )
    assert finished.stdout.strip() == "[]"
