"""Trees of small image files in the layout of ILSVRC2012, of any number of files."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

__all__ = ["CLASSES", "add_images", "link_images", "make_classes", "write_image"]

CLASSES = [f"n{number:08}" for number in range(1, 1001)]
"""A thousand names like WordNet's, in the order of their labels."""


def make_classes(folder: Path, names: Iterable[str] = CLASSES) -> None:
    """Make class folders without images."""
    for name in names:
        (folder / name).mkdir(parents=True)


def write_image(path: Path, seed: int, size: tuple[int, int] = (80, 64)) -> None:
    """Write a JPEG of smooth random colours; such files are small and quickly decoded."""
    colours = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    Image.fromarray(colours).resize(size).save(path, format="JPEG")


def add_images(folder: Path, names: Iterable[str], per_class: int) -> None:
    """Write different images, wide and high ones, into class folders that exist."""
    for label, name in enumerate(names):
        for number in range(per_class):
            size = (80, 64) if (label + number) % 2 else (60, 90)
            path = folder / name / f"ILSVRC2012_{number:08}.JPEG"
            write_image(path, 1000 * label + number, size)


def link_images(folder: Path, names: Iterable[str], per_class: int, originals: list[Path]) -> None:
    """Fill class folders that exist with further names of a few files: a thousand in no time."""
    for label, name in enumerate(names):
        for number in range(per_class):
            original = originals[(label + number) % len(originals)]
            os.link(original, folder / name / f"ILSVRC2012_{number:08}.JPEG")
