"""Settings of the attribution maps."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from experiments.settings import (
    Count,
    List,
    MethodFor,
    OnNetworks,
    Positive,
    check_methods_fit,
)
from experiments.shared_config import SharedConfig

__all__ = ["Settings"]


class Settings(OnNetworks):
    """Attribution maps to look at (Sec. 4.4)."""

    POSITION = 50

    networks: List[str] | None = Field(
        ("alexnet", "squeezenet1_1"), description="a figure each, among networks.use"
    )
    n_images: Count = Field(
        4, description="number of classes; the first test image of each is shown"
    )
    alphas: List[Positive] = Field((1.0, 0.5, 0.1), description="factors on the normalised image")
    methods: List[Annotated[str, MethodFor("attribution_maps")]] = Field(
        (
            "input_x_gradient",
            "ig",
            "x_gradient",
            "deeplift_revealcancel",
            "occlusion",
            "grad_cam",
            "guided_grad_cam",
            "smooth_grad",
            "deconvolution",
        ),
        description="x_gradient: only for nets without biases; grad_cam: of the last convolution",
    )
    n_steps: Count = Field(128, description="steps of IG")

    @model_validator(mode="after")
    def _check_methods(self) -> Settings:
        check_methods_fit(self.methods, self.variants, "attribution_maps.variants")
        return self

    def check(self, config: SharedConfig) -> None:
        """Check that the nets are among those of the run, and that there are enough classes."""
        super().check(config)
        for network in config.networks_of("attribution_maps"):
            n_images = config.settings_of("attribution_maps", network).n_images
            config.check_enough_classes(n_images, network, "n_images")
