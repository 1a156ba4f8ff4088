"""Settings of the accuracy against contrast."""

from __future__ import annotations

from pydantic import Field

from experiments.settings import Count, List, OnNetworks, Positive

__all__ = ["Settings"]


class Settings(OnNetworks):
    """Accuracy against contrast (Sec. 4.4)."""

    POSITION = 40

    alphas: List[Positive] = Field(
        (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1),
        description="factors on the normalised image",
    )
    batch_size: Count = Field(100, description="images per forward pass")
    n_images: Count | None = Field(1000, description="largest number of test images; null: all")
