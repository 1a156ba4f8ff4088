"""Settings of a training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

__all__ = ["TrainingSettings"]


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of one training.

    Parameters
    ----------
    epochs : int
        Passes over the training data; 0 leaves the network unchanged.
    batch_size : int
        Images per step and process.
    optimizer : {"adamw", "sgd"}
        SGD has momentum 0.9, as in the published trainings.
    learning_rate : float
        The largest learning rate of the schedule.
    weight_decay : float
        On all parameters.
    schedule : {"one_cycle", "cosine", "step", "constant"}
        Learning rate per step; ``"step"`` divides by 10 every ``step_epochs`` epochs, as in the
        published trainings (whose ResNet script also builds a cosine schedule, and never steps it).
    step_epochs : int
        Epochs between two divisions of the ``"step"`` schedule.
    clip_norm : float or None
        Largest norm of the gradient over all parameters; ``None`` does not clip.
    horizontal_flip : bool
        Mirror every training image with probability one half.
    channels_last : bool
        Memory layout of the convolutions; faster on most processors, the same numbers up to
        rounding.

    Raises
    ------
    ValueError
        If a value is invalid; the message names the setting.
    """

    epochs: int
    batch_size: int = 128
    optimizer: Literal["adamw", "sgd"] = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    schedule: Literal["one_cycle", "cosine", "step", "constant"] = "one_cycle"
    step_epochs: int = 30
    clip_norm: float | None = 1.0
    horizontal_flip: bool = True
    channels_last: bool = True

    def __post_init__(self) -> None:
        """Check every value."""
        if self.epochs < 0:
            raise ValueError(f"epochs must be at least 0, got {self.epochs}")
        for name in ("batch_size", "learning_rate", "step_epochs"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if self.weight_decay < 0:
            raise ValueError(f"weight_decay must be at least 0, got {self.weight_decay}")
        if self.clip_norm is not None and not self.clip_norm > 0:
            raise ValueError(f"clip_norm must be positive or null, got {self.clip_norm}")
        if self.optimizer not in ("adamw", "sgd"):
            raise ValueError(f"optimizer must be adamw or sgd, got {self.optimizer!r}")
        if self.schedule not in ("one_cycle", "cosine", "step", "constant"):
            raise ValueError(
                f"schedule must be one_cycle, cosine, step or constant, got {self.schedule!r}"
            )

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> TrainingSettings:
        """Build the settings from a mapping, refusing keys that do not exist.

        Raises
        ------
        ValueError
            If a key is unknown or a value is invalid.
        """
        known = [field.name for field in fields(cls)]
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise ValueError(
                f"unknown training setting {unknown[0]!r}: known are {', '.join(known)}"
            )
        return cls(**values)
