"""Settings that the experiments share: everything in config.yaml but their own sections."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from experiments.data.sections import Images
from experiments.networks.config import Networks, Training
from experiments.settings import (
    Count,
    Must,
    OneOf,
    Refusal,
    Section,
    catalogue,
    datasets_with,
    part,
)

__all__ = ["SharedConfig"]

Folder = Annotated[
    str,
    Must(lambda path: path.isprintable() and path.strip() == path != "", "the path of a folder"),
]


def _trainable() -> tuple[str, ...]:
    names = datasets_with("images")
    return tuple(name for name in names if isinstance(catalogue()[name].images, Images))


ImageDataset = Annotated[str, OneOf(_trainable, lambda name: catalogue()[name].title)]


class SharedConfig(Section):
    """Settings that the experiments share; `experiments.config` adds a section per experiment."""

    HEADLINES: ClassVar = {"results": "where and how", "dataset": "data"}
    """Headlines in config.yaml, by the key that they stand above."""

    results: Folder = Field("results", description="folder for everything generated")
    data: Folder = Field(
        "data", description="folder for downloaded files; kept when results are deleted"
    )
    seed: int = Field(
        0, ge=0, description="every job derives its own seed from this one and its name"
    )
    device: Literal["cpu", "cuda"] = Field(
        "cpu", description="cuda also asks the scheduler for one GPU per job"
    )
    threads: Count = Field(1, description="threads of one job; the same number gives the same bits")
    dataset: ImageDataset = Field(
        "fashion_mnist", description="files and sources: workflow/datasets/"
    )
    validation_images: int = Field(
        5000,
        ge=10,
        description="split off the training images, stratified; select the best epoch",
    )
    limit_images: Count | None = Field(
        None, description="use only the first N training and N test images; null: all"
    )
    networks: Networks = part()
    training: Training = part()

    @property
    def images(self) -> Images:
        """Splits and classes of the data set."""
        images = catalogue()[self.dataset].images
        assert isinstance(images, Images)  # by the type of `dataset`
        return images

    def n_images(self, split: Literal["train", "test"]) -> int:
        """Return the number of images of a split that are used."""
        count = self.images.splits[split].count
        return count if self.limit_images is None else min(count, self.limit_images)

    def check_enough_images(self, wanted: int | None, key: str) -> None:
        """Refuse a number of test images that the data set does not have."""
        if wanted is not None and wanted > self.n_images("test"):
            source = self.dataset if self.limit_images is None else "limit_images"
            raise Refusal(
                f"is {wanted}, but there are only {self.n_images('test')} test images ({source})",
                key,
            )

    def check_enough_classes(self, wanted: int, key: str) -> None:
        """Refuse more images of different classes than there are classes."""
        if wanted > len(self.images.classes):
            raise Refusal(
                f"is {wanted}, but {self.dataset} has only {len(self.images.classes)} classes", key
            )

    def check_architecture(self, architecture: str, key: str) -> None:
        """Refuse an architecture that is not trained."""
        trained = self.networks.architectures
        if architecture not in trained:
            raise Refusal(
                f"asks for {architecture}, but networks.architectures lists only "
                f"{', '.join(trained)}",
                key,
            )

    @model_validator(mode="after")
    def _check_sections(self) -> SharedConfig:
        n_classes = len(self.images.classes)
        # Both parts of the training images need one image of each class.
        most = self.n_images("train") - n_classes
        if not n_classes <= self.validation_images <= most:
            raise Refusal(
                f"is {self.validation_images}, but of {most + n_classes} training images of "
                f"{n_classes} classes it can take from {n_classes} to {most}",
                "validation_images",
            )
        for name in type(self).model_fields:
            section = getattr(self, name)
            if isinstance(section, Section):
                try:
                    section.check(self)
                except Refusal as refusal:
                    raise Refusal(refusal.text, f"{name}.{refusal.key}") from refusal
        return self
