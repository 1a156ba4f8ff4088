"""Settings of the digit conversion."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from experiments.config_limits import n_training_images
from experiments.settings import (
    Count,
    CountFrom0,
    List,
    MethodFor,
    Must,
    Positive,
    Refusal,
    RepeatableList,
    Section,
    part,
    shown,
)
from experiments.shared_config import SharedConfig

__all__ = ["Settings"]

Weights = Literal["trained", "published"]
DigitMethod = Annotated[str, MethodFor("digit_conversion")]
Digit = Annotated[int, Field(ge=0, le=9)]
Task = Annotated[
    RepeatableList[Digit],
    Must(
        lambda task: len(task) == len(set(task)) == 2,
        "two different digits, the class of the images and the class to convert them to",
    ),
]


class Training(Section):
    """Adam on all 60,000 images; the last epoch is kept."""

    epochs: CountFrom0 = Field(5, description="passes over the training images")
    batch_size: Count = Field(128, description="images per step")
    learning_rate: Positive = Field(
        5e-3, description="largest of the schedule; the paper: 1.0e-3, constant"
    )
    schedule: Literal["one_cycle", "cosine", "constant"] = Field(
        "one_cycle", description="course of the learning rate"
    )
    clip_norm: Positive | None = Field(1.0, description="largest gradient norm; null: no clipping")


class XTraining(Training):
    """The same for the X-DNN."""

    epochs: CountFrom0 = Field(1, description="passes over the training images")
    learning_rate: Positive = Field(2e-3, description="largest of the schedule")


class Example(Section):
    """The image that a figure shows."""

    weights: Weights = Field("trained", description="one of weights")
    task: Task = Field((8, 6), description="one of tasks")
    method: DigitMethod = Field(
        "deeplift_revealcancel", description="the image with its highest score is shown"
    )
    classes: List[Digit] = Field((8, 3, 6), description="contributions to these logits")


class Settings(Section):
    """Digit conversion of DeepLIFT on MNIST (Shrikumar et al. 2017, Sec. 4.1)."""

    POSITION = 70
    SPLIT_DATASETS = ("mnist",)

    weights: List[Weights] = Field(
        ("trained",),
        description="trained: by this run; published: by the authors (see config/published.yaml)",
    )
    tasks: List[Task] = Field(
        ((8, 3), (8, 6), (9, 1), (4, 1)),
        description="class of the images, class to convert them to",
    )
    methods: List[DigitMethod] = Field(
        (
            "abs_gradient_masked",
            "guided_backprop_masked",
            "guided_backprop_x_input",
            "input_x_gradient",
            "ig_5",
            "ig_10",
            "deeplift_rescale",
            "deeplift_revealcancel",
            "x_gradient",
        ),
        description="masked: where the image is not black; ig_N: N steps of the midpoint rule; "
        "x_gradient is an addition",
    )
    erasing: Annotated[
        List[Literal["published", "fixed"]],
        Must(
            lambda erasing: "published" in erasing,
            "a list of published and, if wanted, fixed",
        ),
    ] = Field(
        ("published", "fixed"),
        description="published: at most n_pixels, those that speak for the old class and against "
        "the new one; fixed: exactly n_pixels, an addition",
    )
    n_pixels: int = Field(157, ge=1, le=783, description="20 % of 28 × 28")
    n_images: Count | None = Field(None, description="test images per class; null: all")
    batch_size: Count = Field(250, description="images attributed together")
    training: Training = part("regular net: Adam on all 60,000 images; the last epoch is kept")
    x: XTraining = part(
        "the same for the X-DNN, which starts from the stripped net; released weights are only "
        "stripped"
    )
    example: Example = part("the image of the figure")

    def check(self, config: SharedConfig) -> None:
        """Check that there are enough images for a batch, and of every class."""
        available = config.n_test_images("mnist")
        if None not in (self.n_images, available) and self.n_images > available:  # type: ignore[operator]
            raise Refusal(
                f"is {self.n_images} of each class, but only {available} test images of mnist are "
                "used: lower it, or null for all",
                "n_images",
            )
        left = n_training_images(config, "mnist")
        n_images = None if left is None else left + config.validation_images
        for name, training in (("training", self.training), ("x", self.x)):
            if (
                "trained" in self.weights
                and n_images is not None
                and n_images < training.batch_size
            ):
                raise Refusal(
                    f"is {training.batch_size}, but there are only {n_images} training images of "
                    "mnist: lower it",
                    f"{name}.batch_size",
                )

    @model_validator(mode="after")
    def _check_example(self) -> Settings:
        example = self.example
        for name, value, known in (
            ("weights", example.weights, self.weights),
            ("task", example.task, self.tasks),
            ("method", example.method, self.methods),
        ):
            if value not in known:
                listed = ", ".join(each if isinstance(each, str) else shown(each) for each in known)
                plural = name if name == "weights" else f"{name}s"
                raise Refusal(
                    f"is {value if isinstance(value, str) else shown(value)}, but "
                    f"digit_conversion.{plural} has only {listed}",
                    f"example.{name}",
                )
        return self
