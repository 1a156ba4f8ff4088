"""Settings of the convergence of IG."""

from __future__ import annotations

from pydantic import Field, model_validator

from experiments.settings import (
    Count,
    CountFrom0,
    List,
    OnNetworks,
    Precisions,
    Quadrature,
    Refusal,
    check_quadrature,
    part,
)

__all__ = ["Settings"]


class Settings(OnNetworks):
    """Convergence of IG with the number of steps (appendix)."""

    POSITION = 30

    n_images: Count = Field(2, description="largest number of test images")
    batch_size: Count = Field(8, description="images attributed together")
    internal_batch_size: Count = Field(128, description="rows per pass through the net")
    precision: Precisions = part(
        "where one step is exact, float32 shows the rounding of units close to their threshold"
    )
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
    exact_images: CountFrom0 = Field(
        0,
        description="images, the first ones, on which the rules are also measured against the "
        "exact integral, piece by piece",
    )
    max_pieces: Count = Field(
        20_000, description="pieces of one path at most; if there are more, the job stops"
    )

    @model_validator(mode="after")
    def _check_steps(self) -> Settings:
        if "gausslegendre" not in self.methods:
            raise Refusal(
                f"is {', '.join(self.methods)}, but must include gausslegendre, the rule of which "
                "the table counts the steps",
                "methods",
            )
        for rule in self.methods:
            check_quadrature(rule, max(self.n_steps))
        if max(self.n_steps) >= self.reference_steps:
            raise Refusal(
                f"reaches {max(self.n_steps)}, but the reference has only reference_steps = "
                f"{self.reference_steps}: raise it",
                "n_steps",
            )
        return self
