"""A few masked images, to look at."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from experiments.data.network_images import NetworkImages
from experiments.masking.examples import mask_examples
from experiments.masking.run import blurred
from tests.experiments.pixels import network_images

SETTINGS = {"kernel_size": 5, "sigma": 1.0, "examples": {"fractions": [0.1, 0.5, 1.0]}}
CHOSEN = [4, 1]


@pytest.fixture(scope="module")
def data() -> NetworkImages:
    draws = torch.Generator().manual_seed(0)
    images = torch.randint(256, (6, 3, 10, 10), generator=draws, dtype=torch.uint8)
    return network_images(images, torch.tensor([0, 2, 1, 0, 1, 2]))


@pytest.fixture(scope="module")
def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(300, 3)).eval()


def test_the_best_pixels_are_kept_and_the_rest_is_blurred(net, data):
    # All positive, and the best pixels are the last ones.
    rising = 1 + torch.arange(100.0).view(1, 1, 10, 10).expand(2, 1, 10, 10)
    tensors = mask_examples(net, data, CHOSEN, {"gradient": rising}, SETTINGS)
    inputs, labels = data.__getitems__(CHOSEN)
    blurry = blurred(inputs, 5, 1.0)
    torch.testing.assert_close(tensors["image"], data.pixels(CHOSEN) / 255)
    torch.testing.assert_close(tensors["blurred"], data.preprocessing.denormalise(blurry))
    assert torch.equal(tensors["gradient/map"], rising.squeeze(1))
    assert tensors["gradient/masked"].shape == (2, 3, 3, 10, 10)
    for column, n_kept in enumerate((10, 50, 100)):
        kept = torch.arange(100).view(10, 10) >= 100 - n_kept
        expected = torch.where(kept, inputs, blurry)
        shown = data.preprocessing.denormalise(expected)
        torch.testing.assert_close(tensors["gradient/masked"][:, column], shown)
        logits = net(expected)[[0, 1], labels].detach()
        torch.testing.assert_close(tensors["gradient/logit"][:, column], logits)
    for name, images in (("image", inputs), ("blurred", blurry)):
        logits = net(images)[[0, 1], labels].detach()
        torch.testing.assert_close(tensors[f"{name}/logit"], logits)
