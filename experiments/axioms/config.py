"""Settings of the axioms."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from experiments.settings import Count, List, MethodFor, Section

__all__ = ["Settings"]


class Settings(Section):
    """Axioms of attribution, by experiment (Table 1)."""

    POSITION = 95

    methods: List[Annotated[str, MethodFor("axioms")]] = Field(
        (
            "exact_ig",
            "exact_eg",
            "expected_gradients",
            "input_x_gradient",
            "x_gradient",
            "gradient",
            "guided_backprop",
            "deconvolution",
            "lrp_epsilon",
            "lrp_epsilon_large",
            "deeplift_rescale",
            "deeplift_revealcancel",
            "grad_cam",
            "guided_grad_cam",
            "occlusion",
            "smooth_grad",
        ),
        description="the first five are in the paper's table; x_gradient: only on X-DNNs",
    )
    n_nets: Count = Field(
        4, description="random nets of each kind, with four inputs each, beside constructed ones"
    )
