"""Settings of the masking metrics."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from experiments.config_limits import image_side
from experiments.settings import (
    Bootstrap,
    Count,
    Fraction,
    List,
    MethodFor,
    Must,
    OnNetworks,
    Positive,
    Precisions,
    Refusal,
    Section,
    Several,
    Variant,
    check_methods_fit,
    part,
)
from experiments.shared_config import SharedConfig

__all__ = ["Fractions", "OddSize", "Settings", "check_kernel", "check_several"]

OddSize = Annotated[
    int, Field(ge=3), Must(lambda size: size % 2 == 1, "an odd integer of at least 3, or null")
]


class Fractions(Section):
    """Fractions of the pixels that are kept."""

    INLINE = True

    minimum: Fraction = Field(0.01, description="smallest fraction")
    maximum: Fraction = Field(1.0, description="largest fraction")
    count: Several = Field(16, description="number of fractions")

    @model_validator(mode="after")
    def _check_order(self) -> Fractions:
        if self.minimum >= self.maximum:
            raise Refusal(
                f"is {self.minimum}, but must be less than maximum, which is {self.maximum}",
                "minimum",
            )
        return self


class Examples(Section):
    """Masked images to look at."""

    variant: Variant = Field("x", description="net to explain")
    n_images: Count = Field(
        2, description="number of classes; the first test image of each is shown"
    )
    fractions: List[Fraction] = Field((0.01, 0.05, 0.2, 1.0), description="of pixels kept")


class Settings(OnNetworks):
    """Masking metrics (Sec. 4.2)."""

    POSITION = 60

    networks: List[str] | None = Field(
        ("alexnet", "squeezenet1_1"), description="nets to measure, among networks.use"
    )
    n_images: Count | None = Field(100, description="largest number of test images; null: all")
    batch_size: Count = Field(
        25, description="images attributed together; shards consist of whole batches"
    )
    masked_batch_size: Count = Field(
        96, description="masked images per forward pass; one image needs at most 96"
    )
    methods: List[Annotated[str, MethodFor("masking")]] = Field(
        (
            "ig",
            "x_gradient",
            "input_x_gradient",
            "guided_backprop",
            "expected_gradients",
            "gradient",
            "random",
            "deeplift_revealcancel",
            "occlusion",
            "grad_cam",
            "smooth_grad",
        ),
        description="x_gradient: only for nets without biases; grad_cam: of the last convolution",
    )
    n_steps: Count = Field(128, description="steps of IG")
    internal_batch_size: Count = Field(
        64, description="rows per pass of IG; affects memory and speed, not the result"
    )
    precision: Precisions = part(
        "RAM ranks the smallest attributions, which are rounding noise in float32; where IG and XG "
        "are the same function, they must rank them alike"
    )
    fractions: Fractions = part("of pixels kept, evenly spaced on a logarithmic scale")
    kernel_size: OddSize | None = Field(
        None, description="width of the blur in pixels, odd; null: 51/224 of the image side"
    )
    sigma: Positive | None = Field(
        None, description="sigma of the blur in pixels; null: 41/224 of the image side"
    )
    insertion_deletion: Several | None = Field(
        8,
        description="number of equal steps, an addition to the paper; null disables both",
    )
    bootstrap: Bootstrap = part("intervals over the images")
    examples: Examples = part("masked images to look at")

    @model_validator(mode="after")
    def _check_methods(self) -> Settings:
        shown = [self.examples.variant]
        check_methods_fit(self.methods, self.variants, "masking.variants", shown)
        check_methods_fit(self.methods, shown, "masking.examples.variant", self.variants)
        return self

    def check(self, config: SharedConfig) -> None:
        """Check that the nets are among those of the run, and that there are enough classes."""
        super().check(config)
        for network in config.networks_of("masking"):
            examples = config.settings_of("masking", network).examples
            config.check_enough_classes(examples.n_images, network, "examples.n_images")
            settings = config.settings_of("masking", network)
            net = config.networks.used[network]
            check_kernel(settings.kernel_size, network, image_side(net))
            check_several(settings.n_images, net.dataset, config.n_test_images(net.dataset))


def check_kernel(kernel_size: int | None, network: str, side: int | None) -> None:
    """Refuse a blur that reflects more pixels at the border than an image has."""
    if kernel_size is not None and side is not None and kernel_size // 2 >= side:
        raise Refusal(
            f"is {kernel_size}, but the images of {network} have {side} pixels, which a blur of at "
            f"most {2 * side - 1} can reflect: lower it, or null for 51/224 of the side",
            "kernel_size",
        )


def check_several(n_images: int | None, dataset: str, known: int | None) -> None:
    """Refuse a single image: it has no interval."""
    numbers = [number for number in (n_images, known) if number is not None]
    if numbers and min(numbers) < 2:
        raise Refusal(
            f"leaves one image of {dataset}, but bootstrap intervals need two: raise n_images or "
            "limit_images",
            "n_images",
        )
