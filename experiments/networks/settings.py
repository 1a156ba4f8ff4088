"""Settings of a training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

__all__ = ["TrainingSettings"]


@dataclass(frozen=True)
class TrainingSettings:
    """Settings of one training; ranges are checked by the configuration.

    The published trainings are expressible. AlexNet and VGG16: SGD with a learning rate of 0.01,
    schedule ``"step"``, 100 epochs, batches of 256, weight decay 1e-4, no clipping. ResNet-50
    (Fixup): the same with a learning rate of 0.1, a `scalar_learning_rate` of 0.01 and a `mixup`
    of 0.7.

    Parameters
    ----------
    epochs : int
        Passes over the training data; 0 leaves the network unchanged.
    batch_size : int
        Images per step, over all processes and accumulated passes together.
    accumulate : int
        Passes per step, whose gradients are added up: less memory, the same updates up to rounding.
        (Batch normalisation, if there is any, sees the images of one pass.)
    optimizer : {"adamw", "sgd"}
        SGD has momentum 0.9, as in the published trainings.
    learning_rate : float
        The largest learning rate of the schedule.
    scalar_learning_rate : float or None
        The same for the biases and the scalar multipliers, which the published training of
        ResNet-50 (Fixup) teaches ten times more slowly; ``None`` treats all parameters alike.
    weight_decay : float
        On all parameters.
    schedule : {"one_cycle", "cosine", "step", "constant"}
        Learning rate per step; ``"step"`` divides by 10 every ``step_epochs`` epochs, as in the
        published trainings (whose ResNet script also builds a cosine schedule, and never steps it).
    step_epochs : int
        Epochs between two divisions of the ``"step"`` schedule.
    clip_norm : float or None
        Largest norm of the gradient over all parameters; ``None`` does not clip.
    mixup : float or None
        Parameter of the Beta distribution that mixes pairs of images, see
        `experiments.networks.mixup`; ``None`` mixes none.
    horizontal_flip : bool
        Mirror every training image with probability one half.
    channels_last : bool
        Memory layout of the convolutions; faster on most processors, the same numbers up to
        rounding.
    compile : bool
        Compile the forward pass with `torch.compile`; the same numbers up to rounding.
    workers : int
        Processes that read and augment images, for each training process; 0 reads them in the
        training process. They do not change the result.
    """

    epochs: int
    batch_size: int = 128
    accumulate: int = 1
    optimizer: Literal["adamw", "sgd"] = "adamw"
    learning_rate: float = 1e-3
    scalar_learning_rate: float | None = None
    weight_decay: float = 1e-4
    schedule: Literal["one_cycle", "cosine", "step", "constant"] = "one_cycle"
    step_epochs: int = 30
    clip_norm: float | None = 1.0
    mixup: float | None = None
    horizontal_flip: bool = True
    channels_last: bool = True
    compile: bool = False
    workers: int = 0

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> TrainingSettings:
        """Build the settings from a mapping, refusing keys that do not exist.

        Raises
        ------
        ValueError
            If a key is unknown.
        """
        known = [field.name for field in fields(cls)]
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise ValueError(
                f"unknown training setting {unknown[0]!r}: known are {', '.join(known)}"
            )
        return cls(**values)

    def check(self, n_images: int, processes: int = 1) -> None:
        """Check that the batches can be formed.

        Parameters
        ----------
        n_images : int
            Training inputs.
        processes : int
            Among which every batch is divided.

        Raises
        ------
        ValueError
            If there are fewer inputs than one batch, or if a batch cannot be divided; the message
            names the setting.
        """
        if n_images < self.batch_size:
            raise ValueError(
                f"{n_images} training inputs are fewer than one batch of "
                f"{self.batch_size}: lower batch_size"
            )
        # Mixup needs both images of a pair in the same pass.
        unit = processes * self.accumulate * (1 if self.mixup is None else 2)
        if self.batch_size % unit:
            pairs = "" if self.mixup is None else " of pairs of images for mixup"
            raise ValueError(
                f"batch_size {self.batch_size} cannot be divided equally among {processes} "
                f"process(es) with {self.accumulate} pass(es) each (accumulate){pairs}: make it a "
                f"multiple of {unit}"
            )
