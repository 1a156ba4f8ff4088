"""The attribution maps as a job computes them."""

from __future__ import annotations

import torch
from torch import nn

from experiments.attribution_maps.run import attribute
from tests.experiments.helpers import attributions
from tests.experiments.pixels import random_images


def test_random_draws_depend_on_the_image_alone():
    """Not on the other images of the job, the variant or the contrast."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(300, 8, bias=False), nn.ReLU(), nn.Linear(8, 3))
    images, methods = random_images(4, seed=0), {"x": attributions("smooth_grad", "gradient")}
    both = attribute({"x": net}, images, [1, 3], [1.0], methods, seed=5)
    alone = attribute({"x": net}, images, [3], [1.0], methods, seed=5)
    for name in ("x/smooth_grad/1.0", "x/gradient/1.0"):
        torch.testing.assert_close(both[name][1], alone[name][0])
    other = attribute({"x": net}, images, [3], [1.0], methods, seed=6)
    assert torch.equal(other["x/gradient/1.0"], alone["x/gradient/1.0"])
    assert not torch.allclose(other["x/smooth_grad/1.0"], alone["x/smooth_grad/1.0"])
