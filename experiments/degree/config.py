"""Settings of the nets of higher degree."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from experiments.config_limits import check_images_for_a_batch
from experiments.degree.names import NETS
from experiments.settings import Count, List, OneOf, Positive, Section, part
from experiments.shared_config import SharedConfig

__all__ = ["Settings"]

DATASET = "fashion_mnist"
Net = Annotated[
    str, OneOf(lambda: tuple(NETS), lambda key: f"{NETS[key].name}, degree {NETS[key].degree}")
]


class Training(Section):
    """Of the nets, with the other settings of `training`."""

    INLINE = True

    epochs: Count = Field(1, description="passes over the training images")
    learning_rate: Positive = Field(3e-3, description="largest of the schedule")


class Settings(Section):
    """Homogeneity of degree k > 1 (Hesse et al. 2021, Sec. 3, has k = 1)."""

    POSITION = 35
    SPLIT_DATASETS = (DATASET,)

    nets: List[Net] = Field(
        ("squared_relu", "bilinear", "product", "quartic"),
        description="trained on fashion_mnist",
    )
    n_images: Count | None = Field(64, description="largest number of test images; null: all")
    batch_size: Count = Field(16, description="images attributed together")
    n_steps: Count = Field(
        8, description="steps of IG by the Gauss-Legendre rule, exact up to degree 2 × n_steps"
    )
    training: Training = part("of every net; the best epoch on the validation images is kept")

    def check(self, config: SharedConfig) -> None:
        """Check that there are enough images for a batch."""
        check_images_for_a_batch(config, DATASET)
