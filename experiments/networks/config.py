"""Settings of the networks and of their training."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field, model_validator

from experiments.networks.architectures import image_architectures
from experiments.settings import Architecture, Count, List, Positive, Section, UnknownKey, part

__all__ = ["Networks", "Training"]


class Networks(Section):
    """Networks."""

    architectures: List[Architecture] = Field(
        ("alexnet", "vgg16", "fixup_resnet50"),
        description="each trained as a regular net and as an X-DNN",
    )
    geometry: Literal["small", "imagenet"] = Field(
        "small", description="small: for 28-px images; imagenet: 224 px, the published widths"
    )
    dropout: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="in AlexNet and VGG16; the published nets are wider and use 0.5",
    )


class Optimisation(Section):
    """Settings that all trainings share."""

    batch_size: Count = Field(128, description="images per step")
    optimizer: Literal["adamw", "sgd"] = Field("adamw", description="SGD has momentum 0.9")
    weight_decay: float = Field(1e-4, ge=0, description="on all parameters")
    schedule: Literal["one_cycle", "cosine", "step", "constant"] = Field(
        "one_cycle",
        description="course of the learning rate; step: divided by 10 every step_epochs",
    )
    step_epochs: Count = Field(30, description="epochs, for schedule: step")
    clip_norm: Positive | None = Field(1.0, description="largest gradient norm; null: no clipping")
    horizontal_flip: bool = Field(True, description="mirror training images at random")
    channels_last: bool = Field(True, description="memory layout; changes only the speed")


class Schedule(Section):
    """Length and learning rate of a training."""

    INLINE = True

    epochs: int = Field(3, ge=0, description="passes over the training images")
    learning_rate: Positive = Field(3e-3, description="largest of the schedule")


class XSchedule(Schedule):
    """Length and learning rate of the training of an X-DNN."""

    epochs: int = Field(1, ge=0, description="passes over the training images")
    learning_rate: Positive = Field(1.5e-3, description="largest of the schedule")


def _name_architectures(schema: dict[str, Any]) -> None:
    """Restrict the further keys of a JSON schema to the architectures."""
    names = [*schema["properties"], *image_architectures()]
    schema["propertyNames"] = {"enum": names}


class _ByArchitecture(Section):
    """Schedules by architecture; one that is not listed uses `default`."""

    model_config = ConfigDict(extra="allow", json_schema_extra=_name_architectures)

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, given: Any) -> Any:
        """Refuse unknown architectures; take from `default` what an architecture leaves out."""
        if not isinstance(given, dict):
            return given
        entries = dict(given)
        for key in entries.keys() - cls.model_fields.keys():
            if key not in image_architectures():
                raise UnknownKey(str(key), [*cls.model_fields, *image_architectures()])
            default = entries.get("default", {})
            if isinstance(entries[key], dict) and isinstance(default, dict):
                entries[key] = {**default, **entries[key]}
        return entries


class RegularSchedules(_ByArchitecture):
    """Trainings of the regular nets."""

    __pydantic_extra__: dict[str, Schedule]

    default: Schedule = part("for every architecture that is not listed")


class XSchedules(_ByArchitecture):
    """Trainings of the X-DNNs."""

    __pydantic_extra__: dict[str, XSchedule]

    init: Literal["stripped", "scratch"] = Field(
        "stripped",
        description="stripped: fine-tune the regular net without its biases; scratch: train the "
        "X-DNN from the start, as the paper did",
    )
    default: XSchedule = part("for every architecture that is not listed")


class Training(Section):
    """Training (the paper: SGD, 100 epochs of ImageNet; here: minutes on two cores)."""

    settings: Optimisation = part("shared by all trainings")
    precision: Literal["32-true", "16-mixed", "bf16-mixed", "64-true"] = Field(
        "32-true", description="precision of Lightning Fabric"
    )
    regular: RegularSchedules = part(
        "epochs, and the largest learning rate of the schedule, by architecture",
        {
            "default": {},
            "alexnet": {"learning_rate": 4e-3},
            "vgg16": {"epochs": 2},
            "fixup_resnet50": {"epochs": 2, "learning_rate": 1e-2},
        },
    )
    x: XSchedules = part(
        "the same for the X-DNNs",
        {
            "default": {},
            "alexnet": {},
            "vgg16": {},
            "fixup_resnet50": {"learning_rate": 3e-3},
        },
    )
