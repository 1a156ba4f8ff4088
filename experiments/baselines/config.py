"""Settings of the baselines."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from experiments.baselines.names import BASELINES, ZERO
from experiments.config_limits import image_side
from experiments.masking.config import Fractions, OddSize, check_kernel, check_several
from experiments.settings import (
    Bootstrap,
    Count,
    List,
    OneOf,
    OnNetworks,
    Positive,
    Precisions,
    Refusal,
    Several,
    part,
)
from experiments.shared_config import SharedConfig

__all__ = ["Settings"]

Key = Annotated[str, OneOf(lambda: tuple(BASELINES), lambda key: BASELINES[key].name)]


class Settings(OnNetworks):
    """Baselines of IG (Sturmfels et al. 2020), and the zero of X-Gradient (Sec. 3)."""

    POSITION = 67

    networks: List[str] | None = Field(
        ("alexnet",), description="nets to measure, among networks.use"
    )
    compared: List[Key] = Field(
        tuple(BASELINES), description="where paths start; zero, which others are compared with"
    )
    n_images: Several | None = Field(50, description="largest number of test images; null: all")
    batch_size: Count = Field(
        50, description="images attributed together; shards consist of whole batches"
    )
    n_steps: Count = Field(64, description="steps of IG, and references of expected gradients")
    internal_batch_size: Count = Field(
        64, description="rows per pass of IG; affects memory and speed, not the result"
    )
    mean_images: Count | None = Field(
        5000, description="training images that the training mean is of; null: all"
    )
    replacement_images: Several = Field(
        40,
        description="of the images, those that are masked with every baseline as the replacement",
    )
    identity_steps: Count = Field(
        5,
        description="steps of IG where it is XG, with other zeros of the normalisation; any number "
        "gives the same",
    )
    precision: Precisions = part("of the attributions")
    masked_batch_size: Count = Field(
        96, description="masked images per forward pass; one image needs at most 96"
    )
    fractions: Fractions = part("of pixels kept, as for masking")
    kernel_size: OddSize | None = Field(
        None,
        description="width in pixels of the blur, of masked images and as a baseline; null: 51/224 "
        "of the image side",
    )
    sigma: Positive | None = Field(
        None, description="sigma of the blur in pixels; null: 41/224 of the image side"
    )
    bootstrap: Bootstrap = part("intervals over the images")
    shown: Count = Field(2, description="number of classes; the first test image of each is shown")

    def check(self, config: SharedConfig) -> None:
        """Check that zero is among the baselines, and that the nets have enough images."""
        super().check(config)
        for network in config.networks_of("baselines"):
            settings = config.settings_of("baselines", network)
            if ZERO not in settings.compared:
                raise Refusal(
                    f"is {', '.join(settings.compared)}, but must include {ZERO}, which the others "
                    "are compared with",
                    "compared",
                )
            net = config.networks.used[network]
            config.check_enough_classes(settings.shown, network, "shown")
            check_kernel(settings.kernel_size, network, image_side(net))
            check_several(settings.n_images, net.dataset, config.n_test_images(net.dataset))
