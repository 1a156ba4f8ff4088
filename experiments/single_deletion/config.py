"""Settings of the single deletion score."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from experiments.config_limits import image_side
from experiments.settings import (
    Bootstrap,
    Count,
    FractionBelowOne,
    List,
    MethodFor,
    OnNetworks,
    Positive,
    Precisions,
    Refusal,
    Section,
    Several,
    catalogue,
    check_methods_fit,
    part,
)
from experiments.shared_config import SharedConfig

__all__ = ["Settings"]


class FineTuning(Section):
    """Fine-tuning on images with a deleted cell, with the other settings of `training`."""

    INLINE = True

    epochs: Count = Field(1, description="passes over the training images; theirs: 30")
    learning_rate: Positive = Field(1e-3, description="largest of the schedule")
    share: FractionBelowOne = Field(0.5, description="of the images that lose a cell")


class Settings(OnNetworks):
    """Single deletion score, in-domain (Hesse et al. 2024)."""

    POSITION = 65

    networks: List[str] | None = Field(
        ("alexnet",), description="nets to measure, among networks.use; they need training images"
    )
    grid: Several = Field(4, description="cells in each direction")
    n_images: Several | None = Field(100, description="largest number of test images; null: all")
    batch_size: Count = Field(
        50, description="images attributed together; shards consist of whole batches"
    )
    masked_batch_size: Count = Field(
        17, description="images per forward pass; grid² + 1 is all of one image"
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
            "deeplift_rescale",
            "deeplift_revealcancel",
            "occlusion",
            "grad_cam",
            "guided_grad_cam",
            "smooth_grad",
            "deconvolution",
        ),
        description="x_gradient: only for nets without biases; grad_cam: of the last convolution",
    )
    n_steps: Count = Field(32, description="steps of IG")
    internal_batch_size: Count = Field(
        64, description="rows per pass of IG; affects memory and speed, not the result"
    )
    precision: Precisions = part("where IG and XG are the same function, they must rank alike")
    in_domain: FineTuning = part("training on images of which a share has lost one cell")
    bootstrap: Bootstrap = part("intervals over the images")

    @model_validator(mode="after")
    def _check_methods(self) -> Settings:
        check_methods_fit(self.methods, self.variants, "single_deletion.variants")
        return self

    def check(self, config: SharedConfig) -> None:
        """Check that the nets can be fine-tuned, and that their images can be cut."""
        super().check(config)
        for network in config.networks_of("single_deletion"):
            net = config.networks.used[network]
            if "train" not in catalogue()[net.dataset].image_splits:
                raise Refusal(
                    f"has {network}, but its data set {net.dataset} has no training images to "
                    "fine-tune on: leave it out, or leave single_deletion out of experiments",
                    "networks",
                )
            grid = config.settings_of("single_deletion", network).grid
            side = image_side(net)
            if side is not None and grid > side:
                raise Refusal(
                    f"is {grid}, but the images of {network} have only {side} pixels", "grid"
                )
