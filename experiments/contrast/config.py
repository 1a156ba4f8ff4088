"""Settings of the accuracy against contrast."""

from __future__ import annotations

from pydantic import Field

from experiments.settings import Count, List, Positive, Section, Variant
from experiments.shared_config import SharedConfig

__all__ = ["Settings"]


class Settings(Section):
    """Accuracy against contrast (Sec. 4.4)."""

    POSITION = 40

    alphas: List[Positive] = Field(
        (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1),
        description="factors on the normalised image",
    )
    batch_size: Count = Field(100, description="images per forward pass")
    n_images: Count | None = Field(1000, description="test images; null: all")
    variants: List[Variant] = Field(("regular", "x"), description="nets to measure")

    def check(self, config: SharedConfig) -> None:
        """Check that there are enough test images."""
        config.check_enough_images(self.n_images, "n_images")
