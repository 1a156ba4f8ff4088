"""Settings of the simulated genomics."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from experiments.settings import (
    MOST,
    Count,
    Fraction,
    List,
    MethodFor,
    Positive,
    Refusal,
    RepeatableList,
    Section,
    part,
)

__all__ = ["Settings"]


def _frequencies(values: tuple[float, ...]) -> tuple[float, ...]:
    if len(values) != 4:
        raise Refusal(
            f"is {list(values)}, but must be four numbers greater than 0, the frequencies of A, C, "
            "G and T"
        )
    total = math.fsum(values)
    if abs(total - 1) > 1e-6:
        raise Refusal(f"sums to {total:g}, but the frequencies of A, C, G and T must sum to 1")
    return values


Frequencies = Annotated[RepeatableList[Fraction], AfterValidator(_frequencies)]


class Training(Section):
    """Training on simulated sequences."""

    epochs: Count = Field(12, description="passes over the training sequences")
    batch_size: Count = Field(50, description="sequences per step")
    learning_rate: Positive = Field(3e-3, description="largest of the cycle")


class Settings(Section):
    """Simulated genomics (DeepLIFT: Shrikumar et al. 2017, Sec. 4.2)."""

    POSITION = 80

    weights: List[Literal["trained", "published"]] = Field(
        ("trained",),
        description="trained: by this run, on simulated sequences; published: the authors' net on "
        "their test sequences (downloaded; see config/published.yaml)",
    )
    n_per_class: Count = Field(
        2000, description="simulated sequences of each class: neither motif, GATA, TAL, both"
    )
    # From 153 on, three instances of both motifs always find room.
    length: int = Field(200, ge=153, le=MOST, description="bases")
    background: Frequencies = Field(
        (0.3, 0.2, 0.2, 0.3), description="A, C, G, T; used in simulation, reference and log-odds"
    )
    validation_sequences: int = Field(800, ge=10, le=MOST, description="select the best epoch")
    test_sequences: int = Field(
        800, ge=10, le=MOST, description="as many as in the released test split"
    )
    training: Training = part("Adam, one cycle of the learning rate")
    methods: List[Annotated[str, MethodFor("genomics")]] = Field(
        (
            "guided_backprop_x_input",
            "input_x_gradient",
            "ig_10",
            "deeplift_rescale",
            "deeplift_revealcancel",
            "deeplift_genomics_default",
            "deeplift_genomics_default_shuffled",
        ),
        description='"input" is its difference from the background reference; genomics default: '
        "Rescale on convolutional, RevealCancel on dense layers; shuffled: 10 dinucleotide-"
        "shuffled references",
    )
    # The tenth hit still finds room between the nine before it.
    n_hits: int = Field(5, ge=1, le=10, description="hits per motif and sequence")
    strong: float = Field(7.0, description="natural log-odds from which on a hit is strong")

    @model_validator(mode="after")
    def _check_training_sequences(self) -> Settings:
        total = 4 * self.n_per_class
        left = total - self.validation_sequences - self.test_sequences
        if left < self.training.batch_size:
            raise Refusal(
                f"is {self.n_per_class}, which makes {total} sequences; without "
                f"validation_sequences and test_sequences {left} are left to train on, fewer than "
                f"one batch of {self.training.batch_size}",
                "n_per_class",
            )
        return self
