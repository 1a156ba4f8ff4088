"""Images in memory in place of a store."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from experiments.data.network_images import NetworkImages
from experiments.data.preprocessing import Preprocessing

__all__ = ["SPACE", "network_images", "random_images"]

SPACE = Preprocessing((0.4, 0.5, 0.45), (0.2, 0.3, 0.25))


class Pixels:
    """Byte images (N, C, H, W) with labels (N,), as `NetworkImages` reads them."""

    def __init__(self, images: Tensor, labels: Tensor, **facts: Any) -> None:
        self.images, self.labels, self.facts = images, labels, facts

    def __len__(self) -> int:
        return len(self.images)

    def __getitems__(self, indices):
        return self.images[torch.as_tensor(indices)]


def network_images(
    images: Tensor, labels: Tensor, preprocessing: Preprocessing = SPACE, **facts: Any
) -> NetworkImages:
    return NetworkImages(Pixels(images, labels, **facts), preprocessing)


def random_images(n: int, seed: int, n_classes: int = 3, side: int = 10) -> NetworkImages:
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(256, (n, 3, side, side), generator=generator, dtype=torch.uint8)
    return network_images(pixels, torch.randint(n_classes, (n,), generator=generator))
