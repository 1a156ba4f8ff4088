"""Settings of the networks and of their training."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, Field, model_validator

from experiments.data.views import view_name
from experiments.networks.origin import (
    FORMATS,
    check_weights,
    is_file,
    is_torchvision,
    weights_entry,
)
from experiments.settings import (
    Architecture,
    Count,
    CountFrom0,
    ImageDataset,
    List,
    Positive,
    Refusal,
    RepeatableList,
    Section,
    catalogue,
    merge,
    nearest,
    part,
)

__all__ = ["IMAGENET_SPACE", "Network", "Networks", "Schedule", "Space", "Training"]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
# The nets of the default experiment, by what they have of their own.
_ENTRIES: dict[str, dict[str, Any]] = {
    "alexnet": {
        "regular": {"learning_rate": 4e-3},
        # The path of an image has thousands of pieces, those of the deeper nets ten times as many.
        "settings": {"ig_convergence": {"exact_images": 1}},
    },
    "vgg16": {"regular": {"epochs": 2}},
    "fixup_resnet50": {
        "regular": {"epochs": 1, "learning_rate": 1e-2},
        "x": {"learning_rate": 3e-3},
    },
    # Trained by others on ImageNet: becomes an X-DNN by merely removing its biases. A photograph
    # takes a hundred times as long as a 28-px image.
    "squeezenet1_1": {
        "architecture": "torchvision/squeezenet1_1",
        "dataset": "imagenet_samples",
        "weights": "squeezenet1_1_weights",
        "regular": None,
        "x": None,
        "settings": {
            "mean_relative_difference": {
                "n_steps": 16,
                "internal_batch_size": 16,
                "n_images": {"float32": 4, "float64": 2, "bfloat16": 2, "tf32": 2},
                "mantissa_images": {"stripped": 0, "x": 0},
            },
            "ig_convergence": {
                "n_images": 1,
                "internal_batch_size": 16,
                "methods": ["gausslegendre", "riemann_left"],
                "n_steps": [1, 4, 16],
                "reference_steps": 64,
            },
            "attribution_maps": {
                "n_images": 2,
                "methods": [
                    "input_x_gradient",
                    "ig",
                    "x_gradient",
                    "deeplift_revealcancel",
                    "grad_cam",
                    "guided_grad_cam",
                    "deconvolution",
                ],
                "n_steps": 16,
            },
            "masking": {
                "n_images": 2,
                "batch_size": 1,
                "methods": [
                    "ig",
                    "x_gradient",
                    "input_x_gradient",
                    "guided_backprop",
                    "expected_gradients",
                    "gradient",
                    "random",
                ],
                "n_steps": 16,
                "internal_batch_size": 16,
                "examples": {"n_images": 1},
            },
        },
    },
}


class Optimisation(Section):
    """Settings that all trainings share."""

    batch_size: Count = Field(128, description="images per step, over all devices together")
    accumulate: Count = Field(
        1, description="passes per step and device, which save memory; the same updates"
    )
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
    compile: bool = Field(False, description="torch.compile; the same numbers up to rounding")
    workers: CountFrom0 = Field(
        0, description="processes per device that read images; 0: the training process"
    )


class Schedule(Section):
    """Length and learning rate of a training."""

    INLINE = True

    epochs: CountFrom0 = Field(3, description="passes over the training images")
    learning_rate: Positive = Field(3e-3, description="largest of the schedule")
    mixup: Positive | None = Field(
        None, description="alpha of the Beta distribution that mixes pairs of images; null: none"
    )
    scalar_learning_rate: Positive | None = Field(
        None, description="of the scalar biases and multipliers of Fixup; null: learning_rate"
    )


class XSchedule(Schedule):
    """Length and learning rate of the training of an X-DNN."""

    init: Literal["stripped", "scratch"] = Field(
        "stripped",
        description="stripped: fine-tune the regular net without its biases; scratch: train the "
        "X-DNN from the start, as the paper did",
    )
    epochs: CountFrom0 = Field(1, description="passes over the training images")
    learning_rate: Positive = Field(1.5e-3, description="largest of the schedule")


class Space(Section):
    """How a network takes images."""

    INLINE = True

    resize: Count | None = Field(None, description="shorter side, pixels; null: as it is")
    crop: Count | None = Field(None, description="side of the central square; null: all")
    order: Literal["grey", "RGB", "BGR"] = Field("RGB", description="order of the channels")
    full_range: Literal[1, 255] = Field(1, description="value of a white pixel")
    mean: RepeatableList[float] | None = Field(None, description="null: of the training images")
    std: RepeatableList[Positive] | None = Field(None, description="null: of the training images")

    @model_validator(mode="after")
    def _check_channels(self) -> Space:
        channels = 1 if self.order == "grey" else 3
        if (self.mean is None) != (self.std is None):
            raise Refusal("must be given together with std, or neither", "mean")
        for name in ("mean", "std"):
            values = getattr(self, name)
            if values is not None and len(values) != channels:
                raise Refusal(
                    f"has {len(values)} values, but {self.order} images have {channels} channels",
                    name,
                )
        return self


IMAGENET_SPACE = Space.model_validate(
    {
        "resize": 256,
        "crop": 224,
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
    }
)
"""The published preprocessing, and the default for photographs."""


class Network(Section):
    """One network of the run: the regular net, the stripped one, and the X-DNN."""

    architecture: Architecture | None = Field(
        None,
        description="a registered one, or torchvision/NAME for a classifier of torchvision; null: "
        "the name of the entry",
    )
    dataset: ImageDataset = Field(
        "fashion_mnist", description="files and sources: workflow/datasets/"
    )
    geometry: Literal["small", "imagenet"] = Field(
        "small", description="small: for 28-px images; imagenet: 224 px, the published widths"
    )
    dropout: float = Field(0.1, ge=0, lt=1, description="the published nets are wider and use 0.5")
    weights: str | None = Field(
        None,
        description="what training starts from, or what is measured if there is none: an entry of "
        "workflow/datasets/ with weights, torchvision, torchvision/VERSION, or a file "
        "(.safetensors, .pth, .npz); null: a random initialisation",
    )
    x_weights: str | None = Field(
        None, description="file with the weights of the X-DNN, if weights is a file and x is null"
    )
    outputs: Literal["weights", "dataset", "imagenet"] = Field(
        "weights",
        description="classes of the logits; weights: those that the weights were trained for; "
        "dataset: of these only the classes of the data set; imagenet: the 1,000 of ILSVRC2012, "
        "for a file",
    )
    preprocessing: Space | None = Field(
        None,
        description="resize, crop, order, full_range, mean, std; null: that of the weights, for "
        "28-px images grey and normalised, for photographs the published one",
    )
    regular: Schedule | None = part(
        "training of the regular net: epochs, largest learning_rate, mixup, scalar_learning_rate; "
        "null: none"
    )
    x: XSchedule | None = part("training of the X-DNN; null: the stripped net")
    settings: dict[str, dict[str, Any]] = Field(
        {}, description="of experiments, by experiment, for this net alone"
    )

    @model_validator(mode="after")
    def _check_origin(self) -> Network:
        """Check that there is something to measure; `default` is no net yet."""
        if self.architecture is None:
            return self
        from_scratch = self.x is not None and self.x.init == "scratch"
        if self.weights is None and self.regular is None and not from_scratch:
            raise Refusal(
                "is null, but without weights a net must be trained: give epochs and "
                "learning_rate, or weights",
                "regular",
            )
        if self.weights is not None:
            check_weights(self.weights, self.architecture)
        if self.x_weights is not None:
            self._check_x_weights(self.x_weights, self.architecture)
        return self

    def _check_x_weights(self, x_weights: str, architecture: str) -> None:
        if self.weights is None or not is_file(self.weights):
            raise Refusal("is given, but weights is not a file", "x_weights")
        if self.x is not None:
            raise Refusal(
                "is given, but the X-DNN is trained, from the stripped net or from scratch: set x "
                "to null, or leave x_weights out",
                "x_weights",
            )
        if not is_file(x_weights):
            raise Refusal(
                f"is {x_weights!r}, but must be a file ({', '.join(FORMATS)}), as weights is",
                "x_weights",
            )
        check_weights(x_weights, architecture, "x_weights")

    @property
    def space(self) -> Space:
        """How the network takes images; without a mean where training measures it."""
        if self.preprocessing is not None:
            return self.preprocessing
        if self.weights is not None and not is_file(self.weights):
            entry = weights_entry(self.weights, str(self.architecture)).weights
            assert entry is not None  # as check_weights says
            return Space.model_validate(entry.preprocessing.model_dump(mode="json"))
        if catalogue()[self.dataset].image_form == "idx":
            return Space.model_validate({"order": "grey"})
        return IMAGENET_SPACE

    @property
    def view(self) -> str:
        """Name of the size in which it takes images."""
        return view_name(self.space.resize, self.space.crop)

    @property
    def is_trained(self) -> bool:
        """Whether some variant is trained."""
        return self.regular is not None or self.x is not None

    @property
    def has_x_weights(self) -> bool:
        """Whether the X-DNN has weights of its own."""
        if self.weights is None or is_torchvision(self.weights):
            return False
        if is_file(self.weights):
            return self.x_weights is not None
        entry = catalogue()[self.weights].weights
        return entry is not None and "x" in entry.files[str(self.architecture)]


class Networks(Section):
    """Networks."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Network]

    BUILT_IN: ClassVar = _ENTRIES
    """What entries have that a configuration does not mention."""

    use: List[str] = Field(
        ("alexnet", "vgg16", "fixup_resnet50", "squeezenet1_1"),
        description="nets of this run, in the order of the tables; each is an entry below",
    )
    default: Network = part("for what an entry leaves out")

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, given: Any) -> Any:
        """Take from `default` what an entry leaves out, and its architecture from its name."""
        if not isinstance(given, dict):
            return given
        entries = merge(_ENTRIES, given)
        default = given.get("default", {})
        for name in entries.keys() - cls.model_fields.keys():
            if not (isinstance(name, str) and _NAME.fullmatch(name)):
                raise Refusal("is no name for a network: use letters, digits and _", str(name))
            if isinstance(entries[name], dict) and isinstance(default, dict):
                own = merge(default, entries[name])
                entries[name] = {**own, "architecture": own.get("architecture") or name}
        return entries

    @model_validator(mode="after")
    def _check_use(self) -> Networks:
        known = self.entries
        for number, name in enumerate(self.use):
            if name not in known:
                near = nearest(name, known)
                hint = f"; did you mean {near}?" if near else ""
                raise Refusal(
                    f"is {name!r}, but must be one of the entries {', '.join(known)}{hint}",
                    f"use.{number}",
                )
        return self

    @property
    def entries(self) -> dict[str, Network]:
        """All entries by name."""
        return dict(self.model_extra or {})

    @property
    def used(self) -> dict[str, Network]:
        """The nets of this run by name, in the order of the tables."""
        return {name: self.entries[name] for name in self.use}


class Training(Section):
    """Training (the paper: SGD, 100 epochs of ImageNet; here: minutes on two cores)."""

    settings: Optimisation = part("shared by all trainings")
    precision: Literal["32-true", "16-mixed", "bf16-mixed", "64-true"] = Field(
        "32-true", description="precision of Lightning Fabric"
    )
    devices: Count = Field(
        1, description="GPUs per machine; on the CPU processes: DistributedDataParallel"
    )
    nodes: Count = Field(
        1, description="machines; needs one process per device, see docs/cluster.md"
    )
    checkpoint_minutes: Positive = Field(
        10.0, description="time after which a training is saved, to be resumed at that step"
    )
