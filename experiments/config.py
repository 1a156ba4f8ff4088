"""The configuration: typed, checked before a single rule is parsed, one line per mistake.

Every experiment declares its own section in ``experiments/NAME/config.py``, and is found by it.
``python -m experiments.config`` prints the default configuration; ``make config`` writes it.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, ValidationError, create_model, model_validator

from experiments.config_messages import first_mistake
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

__all__ = ["Config", "ConfigError", "check_config", "config_model", "experiment_names"]

Folder = Annotated[
    str,
    Must(lambda path: path.isprintable() and path.strip() == path != "", "the path of a folder"),
]
ImageDataset = Annotated[
    str, OneOf(lambda: datasets_with("images"), lambda name: catalogue()[name].title)
]


class ConfigError(ValueError):
    """A configuration that cannot be run."""


class Config(Section):
    """Settings that the experiments share; `config_model` adds a section per experiment."""

    HEADLINES: ClassVar = {"results": "where and how", "dataset": "data"}
    """Headlines in config.yaml, by the key that they stand above."""

    results: Folder = Field("results", description="folder for everything generated")
    data: Folder = Field(
        "data", description="folder for downloaded files; kept when results are deleted"
    )
    seed: int = Field(
        0, ge=0, description="every job derives its own seed from this one and its own names"
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
        description="split off the training images, stratified; chooses the best epoch",
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
        assert images is not None  # by the type of `dataset`
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

    @model_validator(mode="after")
    def _check_sections(self) -> Config:
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


@cache
def _sections() -> dict[str, type[Section]]:
    """Return the model of every experiment: a folder with ``config.py`` and ``run.py``."""
    names = [
        path.parent.name
        for path in sorted(Path(__file__).parent.glob("*/config.py"))
        if path.with_name("run.py").is_file()
    ]
    found = {name: importlib.import_module(f"experiments.{name}.config").Settings for name in names}
    return dict(sorted(found.items(), key=lambda item: (item[1].POSITION, item[0])))


def experiment_names() -> tuple[str, ...]:
    """Return the names of the experiments, in the order of the report."""
    return tuple(_sections())


@cache
def config_model() -> type[Config]:
    """Return the model of the whole configuration: `Config` and a section per experiment."""
    sections: dict[str, Any] = {name: (model, part()) for name, model in _sections().items()}
    return create_model("Config", __base__=Config, __doc__="Configuration.", **sections)


def check_config(config: Mapping[str, Any]) -> Config:
    """Check a configuration and fill in what it leaves out.

    Parameters
    ----------
    config : mapping
        The configuration, overlays merged.

    Returns
    -------
    Config
        The complete configuration; ``model_dump(mode="json")`` makes it plain again.

    Raises
    ------
    ConfigError
        With one line that names the key, says what is wrong and what is allowed.
    """
    model = config_model()
    try:
        return model.model_validate(config)
    except ValidationError as error:
        raise ConfigError(f"config: {first_mistake(error, model, config)}") from error


if __name__ == "__main__":
    from experiments.config_file import main

    main()
