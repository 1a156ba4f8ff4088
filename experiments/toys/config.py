"""Settings of the toy functions."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from experiments.settings import (
    Count,
    List,
    MethodFor,
    Quadrature,
    Section,
    Several,
    check_quadrature,
)

__all__ = ["Settings"]


class Settings(Section):
    """Toy functions (DeepLIFT, Figures 1 to 3; IG, Sec. 2.1)."""

    POSITION = 100

    n_points: Several = Field(201, description="points of each plotted line")
    methods: List[Annotated[str, MethodFor("toys")]] = Field(
        (
            "gradient",
            "guided_backprop",
            "input_x_gradient",
            "ig",
            "deeplift_rescale",
            "deeplift_revealcancel",
        ),
        description="attributions to plot",
    )
    n_steps: Count = Field(300, description="steps of IG")
    method: Quadrature = Field("riemann_middle", description="quadrature rule of IG")

    @model_validator(mode="after")
    def _check_steps(self) -> Settings:
        check_quadrature(self.method, self.n_steps)
        return self
