"""Settings of the denoisers."""

from __future__ import annotations

from pydantic import Field

from experiments.config_limits import check_images_for_a_batch
from experiments.settings import Count, List, Positive, Refusal, Section, Several, part
from experiments.shared_config import SharedConfig

__all__ = ["DATASET", "Settings"]

DATASET = "fashion_mnist"


class Denoiser(Section):
    """The size of the nets."""

    INLINE = True

    layers: Several = Field(6, description="convolutions")
    width: Count = Field(16, description="channels between them")


class Training(Section):
    """Of both nets, with the other settings of `training`."""

    INLINE = True

    epochs: Count = Field(1, description="passes over the training images")
    learning_rate: Positive = Field(5e-3, description="largest of the schedule")


class Settings(Section):
    """Dense outputs, denoising with and without biases (Mohan et al. 2020)."""

    POSITION = 48
    SPLIT_DATASETS = (DATASET,)

    net: Denoiser = part("convolutions of 3 × 3 pixels and ReLU, on fashion_mnist")
    trained_up_to: Positive = Field(
        30.0,
        description="largest noise of the training, uniform from 0; standard deviation in grey "
        "levels of 255, as in the next line",
    )
    noise: List[Positive] = Field(
        (10.0, 20.0, 30.0, 50.0, 70.0, 100.0), description="measured on the test images"
    )
    n_images: Count | None = Field(200, description="largest number of test images; null: all")
    batch_size: Count = Field(50, description="images per forward pass")
    factors: List[Positive] = Field(
        (0.1, 0.5, 3.0), description="on the noisy image: F(αx) is compared with αF(x)"
    )
    n_explained: Count = Field(8, description="test images with effective filters")
    n_pixels: Count = Field(3, description="random output pixels of each, none of them black")
    n_steps: Count = Field(
        32, description="steps of IG of the net with biases; without them IG is exact"
    )
    shown: List[Positive] = Field(
        (10.0, 30.0, 100.0), description="noise of the images and filters to look at"
    )
    training: Training = part("of both nets; the best epoch on the validation images is kept")

    def check(self, config: SharedConfig) -> None:
        """Check that what is shown is measured, and that there are enough images for a batch."""
        missing = [noise for noise in self.shown if noise not in self.noise]
        if missing:
            raise Refusal(f"has {missing[0]:g}, which is not in denoising.noise", "shown")
        check_images_for_a_batch(config, DATASET)
