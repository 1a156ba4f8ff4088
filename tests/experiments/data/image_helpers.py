"""Small image files, and folders of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from experiments.data.preprocessing import Preprocessing

COLOURS = np.array(
    [[[255, 0, 0], [0, 255, 0], [0, 0, 255]], [[255, 255, 255], [0, 0, 0], [255, 255, 0]]],
    dtype=np.uint8,
)
"""Two rows of three colours."""

IMAGENET = Preprocessing((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), resize=256, crop=224)
SMALL = Preprocessing((0.5,) * 3, (0.5,) * 3, resize=10, crop=8)


def patches(side: int = 16) -> Image.Image:
    """Return the colours as squares, 3 * side by 2 * side pixels, which JPEG keeps well."""
    return Image.fromarray(COLOURS.repeat(side, 0).repeat(side, 1))


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    values = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


def make_tree(folder: Path, contents: dict[str, int]) -> None:
    """Write class folders of so many images of random pixels, PNG."""
    for name, n_images in contents.items():
        (folder / name).mkdir(parents=True)
        for number in range(n_images):
            seed = sum(map(ord, name)) * 1000 + number
            noise(13 + number, 11, seed).save(folder / name / f"{number:03}.png")
