"""Settings of the accuracies."""

from __future__ import annotations

from pydantic import Field

from experiments.settings import Count, List, OnNetworks, Variant

__all__ = ["Settings"]


class Settings(OnNetworks):
    """Accuracy (Hesse et al. 2021, Sec. 4.1)."""

    POSITION = 10

    variants: List[Variant] = Field(("regular", "stripped", "x"), description="of every net")
    batch_size: Count = Field(100, description="images per forward pass")
    n_images: Count | None = Field(None, description="largest number of test images; null: all")
