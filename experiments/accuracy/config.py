"""Settings of the accuracies."""

from __future__ import annotations

from pydantic import Field

from experiments.settings import Count, List, Section, Variant
from experiments.shared_config import SharedConfig

__all__ = ["Settings"]


class Settings(Section):
    """Accuracy (Hesse et al. 2021, Sec. 4.1)."""

    POSITION = 10

    batch_size: Count = Field(100, description="images per forward pass")
    n_images: Count | None = Field(None, description="test images; null: all")
    variants: List[Variant] = Field(("regular", "stripped", "x"), description="nets to measure")

    def check(self, config: SharedConfig) -> None:
        """Check that there are enough test images."""
        config.check_enough_images(self.n_images, "n_images")
