"""Settings of the mean absolute relative difference."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from experiments.settings import (
    Count,
    CountFrom0,
    List,
    OnNetworks,
    Quadrature,
    Section,
    check_quadrature,
    part,
)

__all__ = ["Settings"]

Arithmetic = Literal["float32", "float64", "bfloat16", "tf32"]
Bits = Annotated[int, Field(ge=1, le=23)]


class BitImages(Section):
    """Images on which the difference is measured for every number of bits, by variant."""

    INLINE = True

    regular: CountFrom0 = Field(0, description="nets with biases")
    stripped: CountFrom0 = Field(4, description="nets whose biases were removed")
    x: CountFrom0 = Field(4, description="X-DNNs")


class Settings(OnNetworks):
    """Mean absolute relative difference between IG and Input×Gradient (Sec. 4.1)."""

    POSITION = 20

    n_steps: Count = Field(128, description="gradient evaluations of IG")
    method: Quadrature = Field("gausslegendre", description="quadrature rule of IG")
    batch_size: Count = Field(
        16,
        description="images per batch; part of the definition: a mean over batches of ratios of "
        "batch means",
    )
    internal_batch_size: Count = Field(
        128, description="rows per pass through the net; affects memory and speed, not the result"
    )
    n_images: Annotated[dict[Arithmetic, Count], Field(min_length=1)] = Field(
        {"float32": 16, "float64": 16, "bfloat16": 16, "tf32": 16},
        description="largest number of test images per precision; the last two round the operands "
        "of every convolution and matrix product to bfloat16 and to TF32",
    )

    mantissa_bits: List[Bits] = Field(
        (5, 7, 9, 10, 11, 13, 15, 17, 20, 23),
        description="stored bits of the significand, of the 23 of float32, to which the operands "
        "are rounded in the figure; bfloat16 has 7, TF32 10",
    )
    mantissa_images: BitImages = part(
        "largest number of test images per number of bits, by variant: the two attributions of a "
        "net with biases differ in any arithmetic"
    )

    @model_validator(mode="after")
    def _check_steps(self) -> Settings:
        check_quadrature(self.method, self.n_steps)
        return self
