"""Settings of the training with attribution priors."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from experiments.attribution_prior.blocks import most_shards
from experiments.settings import (
    Bootstrap,
    Count,
    List,
    MethodFor,
    MortalityTable,
    Positive,
    Refusal,
    RepeatableList,
    Section,
    Several,
    catalogue,
    part,
)
from experiments.shared_config import SharedConfig

__all__ = ["Settings"]


class Perceptron(Section):
    """Network, its data and its training."""

    n_train: Several = Field(100, description="training rows")
    n_validation: Several = Field(
        100, description="rows that select the epoch and lambda; all others are test rows"
    )
    hidden: RepeatableList[Count] = Field((512, 128, 32), description="widths of the layers")
    epochs: Count = Field(100, description="steps of Adam, each on all training rows")
    learning_rate: Positive = Field(1e-3, description="constant")


class EgReferences(Section):
    """Expected Gradients with more references."""

    n_references: List[Count] = Field((1, 2, 4, 8), description="k of EG (k)")
    strength: Positive = Field(
        1.0, alias="lambda", description="factor of the prior; one of lambdas"
    )
    n_repetitions: Several = Field(3, description="at most as many as above")


class IntegratedGradients(Section):
    """Training with Integrated Gradients."""

    n_steps: Count = Field(32, description="gradient evaluations per training row and step")
    strength: Positive = Field(1.0, alias="lambda", description="factor of the prior")
    n_repetitions: Several = Field(2, description="at most as many as above")
    epochs: Count = Field(5, description="fewer than above: not scored, and the time is scaled up")


class RepetitionBootstrap(Bootstrap):
    """Percentile intervals over the repetitions."""

    resamples: Count = Field(10000, description="number of resamples")


class Settings(Section):
    """Training with attribution priors (Sec. 4.3)."""

    POSITION = 90

    dataset: MortalityTable = Field(
        "nhefs",
        description="nhefs: 1,629 smokers, 53 features; nhanes: the paper's table, 13,442 "
        "participants, 118 features; nhanes18: 9,535 participants, 18 features "
        "(workflow/datasets/NAME.yaml describes each)",
    )
    fallback: MortalityTable | None = Field(
        None,
        description="data set to use, and to report, if dataset cannot be downloaded; null: stop "
        "with an error",
    )
    n_repetitions: Several = Field(20, description="splits of the data; the paper: 200")
    shards: Count = Field(
        2,
        description="jobs that share the repetitions, on a GPU at most one for every 64; the "
        "result does not depend on it",
    )
    # IG is trained for the comparison of costs alone, see integrated_gradients.
    methods: List[Annotated[str, MethodFor("attribution_prior", without=("ig",))]] = Field(
        (
            "unregularised",
            "unregularised_without_bias",
            "rrr",
            "gradient",
            "expected_gradients",
            "x_gradient",
        ),
        description="trainings to compare; unregularised and x_gradient are required",
    )
    lambdas: List[Positive] = Field(
        (0.01, 0.1, 1.0, 10.0, 100.0),
        description="factors of the prior; the validation ROC-AUC selects one",
    )
    n_references: Count = Field(1, description="k of EG (k): references per row and step")
    settings: Perceptron = part("network, split of the data and training")
    eg_references: EgReferences = part(
        "EG (k) against k; the paper: 1 to 128 with 200 repetitions, which would take two hours "
        "here"
    )
    integrated_gradients: IntegratedGradients = part("for the comparison of costs alone")
    bootstrap: RepetitionBootstrap = part("intervals over the repetitions")

    def check(self, config: SharedConfig) -> None:
        """Check that the table leaves rows to test on."""
        split = self.settings.n_train + self.settings.n_validation
        for name in filter(None, (self.dataset, self.fallback)):
            section = catalogue()[name].mortality
            rows = None if section is None else section.rows
            # Both classes must be among them.
            if rows is not None and split > rows - 2:
                raise Refusal(
                    f"is {self.settings.n_train}, which with n_validation makes {split} of the "
                    f"{rows} rows of {name} and leaves none to test on: lower them",
                    "settings.n_train",
                )

    def shards_on(self, device: str) -> int:
        """Return the number of jobs: not more than have repetitions to train on a device."""
        return min(self.shards, most_shards(self.n_repetitions, device))

    @model_validator(mode="after")
    def _check_relations(self) -> Settings:
        if self.shards > self.n_repetitions:
            raise Refusal(
                f"is {self.shards}, but there are only {self.n_repetitions} repetitions to share: "
                f"lower it to at most {self.n_repetitions}",
                "shards",
            )
        if self.fallback == self.dataset:
            raise Refusal(
                f"is {self.fallback}, the same as dataset: name another one, or null", "fallback"
            )
        for method in ("unregularised", "x_gradient"):
            if method not in self.methods:
                raise Refusal(
                    f"is {', '.join(self.methods)}, but must include {method}, with which the "
                    "others are compared",
                    "methods",
                )
        if self.eg_references.strength not in self.lambdas:
            raise Refusal(
                f"is {self.eg_references.strength}, but must be one of "
                f"attribution_prior.lambdas: {', '.join(map(str, self.lambdas))}",
                "eg_references.lambda",
            )
        for name, n_repetitions in (
            ("eg_references", self.eg_references.n_repetitions),
            ("integrated_gradients", self.integrated_gradients.n_repetitions),
        ):
            if n_repetitions > self.n_repetitions:
                raise Refusal(
                    f"is {n_repetitions}, but must be at most attribution_prior.n_repetitions, "
                    f"which is {self.n_repetitions}",
                    f"{name}.n_repetitions",
                )
        if self.integrated_gradients.epochs > self.settings.epochs:
            raise Refusal(
                f"is {self.integrated_gradients.epochs}, but must be at most "
                f"attribution_prior.settings.epochs, which is {self.settings.epochs}",
                "integrated_gradients.epochs",
            )
        return self
