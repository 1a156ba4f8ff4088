"""The baselines of this experiment; without torch, since the workflow reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["BASELINES", "ZERO", "Baseline"]


@dataclass(frozen=True)
class Baseline:
    """Where paths start.

    Parameters
    ----------
    name : str
        For readers.
    function : str
        ``"package.module:function"``, which takes the images and what else there is to make a
        baseline from; see `experiments.baselines.starts`.
    fixed : bool, optional
        Whether it is the same for all images. A normalisation can subtract it, and its zero is then
        this baseline.
    averaged : bool, optional
        Whether there are many for each image, over which attributions are averaged.
    """

    name: str
    function: str
    fixed: bool = False
    averaged: bool = False


ZERO = "zero"
"""The baseline that X-Gradient has, and that the others are compared with."""

BASELINES: Mapping[str, Baseline] = {
    ZERO: Baseline("zero", "experiments.baselines.starts:zero", fixed=True),
    "black": Baseline("black", "experiments.baselines.starts:black", fixed=True),
    "white": Baseline("white", "experiments.baselines.starts:white", fixed=True),
    "training_mean": Baseline(
        "training mean", "experiments.baselines.starts:training_mean", fixed=True
    ),
    "blurred": Baseline("blurred image", "experiments.baselines.starts:blurred_image"),
    "uniform_noise": Baseline("uniform noise", "experiments.baselines.starts:uniform_noise"),
    "expected_gradients": Baseline(
        "expected gradients", "experiments.baselines.starts:training_images", averaged=True
    ),
}
"""By key. Adding one here, and its function, is all there is to do."""
