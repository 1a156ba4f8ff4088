"""Settings of the convergence of IG."""

from __future__ import annotations

from pydantic import Field, model_validator

from experiments.settings import (
    Count,
    List,
    Quadrature,
    Refusal,
    Section,
    Variant,
    check_quadrature,
)
from experiments.shared_config import SharedConfig

__all__ = ["Settings"]


class Settings(Section):
    """Convergence of IG with the number of steps (appendix)."""

    POSITION = 30

    n_images: Count = Field(6, description="test images, attributed together")
    internal_batch_size: Count = Field(128, description="rows per pass through the net")
    variants: List[Variant] = Field(("regular", "x"), description="nets to measure")
    methods: List[Quadrature] = Field(
        (
            "gausslegendre",
            "riemann_left",
            "riemann_right",
            "riemann_middle",
            "riemann_trapezoid",
        ),
        description="quadrature rules",
    )
    n_steps: List[Count] = Field(
        (1, 2, 4, 8, 16, 32, 64, 128, 256),
        description="the trapezoid rule starts at 2 steps",
    )
    reference_steps: Count = Field(
        300, description="steps of the reference, the Gauss-Legendre rule"
    )

    @model_validator(mode="after")
    def _check_steps(self) -> Settings:
        for rule in self.methods:
            check_quadrature(rule, max(self.n_steps))
        if max(self.n_steps) >= self.reference_steps:
            raise Refusal(
                f"reaches {max(self.n_steps)}, but the reference has only reference_steps = "
                f"{self.reference_steps}: raise it",
                "n_steps",
            )
        return self

    def check(self, config: SharedConfig) -> None:
        """Check that there are enough test images."""
        config.check_enough_images(self.n_images, "n_images")
