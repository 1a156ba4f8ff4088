"""Settings of the sentences."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from experiments.settings import (
    Count,
    List,
    Positive,
    Refusal,
    Section,
    TextDataset,
    WordVectors,
    catalogue,
    part,
)
from experiments.shared_config import SharedConfig

__all__ = ["Settings"]

Width = Annotated[int, Field(ge=1, le=100)]


class Net(Section):
    """Convolutions of several widths, ReLU, maximum over time, a linear layer (Kim 2014)."""

    widths: List[Width] = Field((3, 4, 5), description="words that a filter sees at a time")
    filters: Count = Field(100, description="of every width")
    dropout: float = Field(0.5, ge=0, lt=1, description="share of the maxima, in training")


class Training(Section):
    """Of both nets, from a random initialisation: AdamW, one cycle of the learning rate."""

    epochs: Count = Field(8, description="passes over the training sentences")
    batch_size: Count = Field(50, description="sentences per step")
    learning_rate: Positive = Field(3e-3, description="largest of the schedule")
    weight_decay: float = Field(1e-4, ge=0, description="on all parameters")


class Settings(Section):
    """Sentences: the contributions of words (Sundararajan et al. 2017, Sec. 6.3)."""

    POSITION = 85
    ON_REQUEST = True

    datasets: List[TextDataset] = Field(
        ("sst2", "trec"), description="each with a net with biases and one without"
    )
    vectors: WordVectors = Field(
        "glove_6b_50d",
        description="of words; unknown words, padding and the baseline are zero",
    )
    validation_sentences: Count = Field(
        500,
        description="split off the training sentences, stratified, where a data set has no such "
        "split; select the best epoch",
    )
    net: Net = part()
    training: Training = part()
    n_sentences: Count | None = Field(200, description="test sentences attributed; null: all")
    batch_size: Count = Field(20, description="sentences attributed together")
    n_steps: Count = Field(64, description="steps of IG by the Gauss-Legendre rule")
    exact_sentences: int = Field(
        4, ge=0, le=10**6, description="of these also the exact integral; 0: none"
    )
    examples: Count = Field(2, description="sentences of every class to look at")

    def check(self, config: SharedConfig) -> None:
        """Check that every part of the training sentences is large enough."""
        for name in self.datasets:
            text = catalogue()[name].text
            assert text is not None  # as the type says
            n_train, n_classes = text.splits["train"].count, len(text.classes)
            if "validation" not in text.splits:
                most = n_train - n_classes
                if not n_classes <= self.validation_sentences <= most:
                    raise Refusal(
                        f"is {self.validation_sentences}, but of {n_train} training sentences of "
                        f"{n_classes} classes ({name}) it can take from {n_classes} to {most}",
                        "validation_sentences",
                    )
                n_train -= self.validation_sentences
            if self.training.batch_size > n_train:
                raise Refusal(
                    f"is {self.training.batch_size}, but only {n_train} sentences of {name} are "
                    "trained on",
                    "training.batch_size",
                )
