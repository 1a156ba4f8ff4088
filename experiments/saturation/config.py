"""Settings of the saturation of gradients."""

from __future__ import annotations

from pydantic import Field

from experiments.settings import Count, Fraction, List, OnNetworks, Positive, Section, Several, part
from experiments.shared_config import SharedConfig

__all__ = ["Settings"]


class Walk(Section):
    """A random walk around an image."""

    INLINE = True

    n_steps: Count = Field(50, description="steps of the walk")
    step: Positive = Field(
        0.01, description="standard deviation of a step, in units of the normalised image"
    )


class Settings(OnNetworks):
    """Saturated and fragile gradients (IG: Sundararajan et al. 2017, Sec. 2)."""

    POSITION = 45

    networks: List[str] | None = Field(
        ("alexnet",), description="nets to measure, among networks.use"
    )
    n_images: Count = Field(4, description="number of classes; the first test image of each")
    n_points: Several = Field(20, description="points of the path from zero to the image")
    walk: Walk = part("around the image; the derivative at one pixel is followed")
    shown: List[Fraction] = Field(
        (0.05, 0.25, 0.5, 0.75, 1.0),
        description="factors on the image, of gradients to look at",
    )

    def check(self, config: SharedConfig) -> None:
        """Check that the nets are among those of the run, and that there are enough classes."""
        super().check(config)
        for network in config.networks_of("saturation"):
            n_images = config.settings_of("saturation", network).n_images
            config.check_enough_classes(n_images, network, "n_images")
