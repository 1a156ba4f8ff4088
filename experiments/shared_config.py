"""Settings that the experiments share: everything in config.yaml but their own sections."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, ValidationError, model_validator

from experiments.config_limits import check_limits
from experiments.config_messages import first_mistake
from experiments.folder_names import Folder, OutputFolder
from experiments.networks.config import Networks, Training
from experiments.settings import (
    MOST,
    Count,
    List,
    OneOf,
    Refusal,
    Section,
    catalogue,
    merge,
    nearest,
    part,
)

__all__ = ["SharedConfig"]


def _folder_datasets() -> tuple[str, ...]:
    return tuple(name for name, entry in catalogue().items() if entry.image_form == "folders")


ImageFolders = Annotated[str, OneOf(_folder_datasets)]


class SharedConfig(Section):
    """Settings that the experiments share; `experiments.config` adds a section per experiment."""

    HEADLINES: ClassVar = {"results": "where and how", "validation_images": "data"}
    """Headlines in config.yaml, by the key that they stand above."""

    results: OutputFolder = Field("results", description="folder for everything generated")
    data: OutputFolder = Field(
        "data", description="folder for downloaded files; kept when results are deleted"
    )
    experiments: List[str] | None = Field(
        None,
        description="what to run, by the names of the sections below; null: all but text, which "
        "downloads vectors of words (see config/text.yaml)",
    )
    folders: dict[ImageFolders, Folder] = Field(
        {},
        description="folders of data sets that are not downloaded, by name, such as imagenet; a "
        "data set that is not listed is looked for in the folder of its name in data",
    )
    strict_claims: bool = Field(
        False,
        description="fail at the end of the run, with the report made, if an exact claim fails",
    )
    seed: int = Field(
        0, ge=0, lt=2**63, description="every job derives its own seed from this one and its name"
    )
    device: Literal["cpu", "cuda"] = Field(
        "cpu", description="cuda also asks the scheduler for one GPU per job"
    )
    threads: Count = Field(1, description="threads of one job; the same number gives the same bits")
    validation_images: int = Field(
        5000,
        ge=10,
        le=MOST,
        description="split off the training images, stratified; select the best epoch",
    )
    limit_images: Count | None = Field(
        None, description="use only the first N training and N test images; null: all"
    )
    networks: Networks = part()
    training: Training = part()

    @property
    def sections(self) -> dict[str, Section]:
        """The sections of the experiments by name, in the order of the report."""
        own = SharedConfig.model_fields
        return {name: getattr(self, name) for name in type(self).model_fields if name not in own}

    @property
    def chosen(self) -> tuple[str, ...]:
        """Names of the experiments of this run, in the order of the report."""
        return tuple(
            name
            for name, section in self.sections.items()
            if (not section.ON_REQUEST if self.experiments is None else name in self.experiments)
        )

    def settings_of(self, experiment: str, network: str) -> Any:
        """Return the section of an experiment, with what a network has of its own.

        Parameters
        ----------
        experiment : str
            Name of the section.
        network : str
            One of the nets of this run.

        Returns
        -------
        Section
            Of the type of that section.

        Raises
        ------
        Refusal
            If the network's settings do not make a valid section.
        """
        section = getattr(self, experiment)
        own = self.networks.used[network].settings.get(experiment)
        if not own:
            return section
        merged = merge(section.model_dump(mode="json"), own)
        try:
            return type(section).model_validate(merged)
        except ValidationError as error:
            raise Refusal(
                f"does not fit: {first_mistake(error, type(section), merged)}",
                f"networks.{network}.settings.{experiment}",
            ) from error

    def networks_of(self, experiment: str) -> tuple[str, ...]:
        """Return the nets of this run that an experiment measures, in the order of the tables."""
        chosen = getattr(self, experiment).networks
        return tuple(name for name in self.networks.use if chosen is None or name in chosen)

    def variants_of(self, experiment: str, network: str) -> tuple[str, ...]:
        """Return the variants of a net that an experiment measures.

        A net whose X-DNN is the stripped net has no separate stripped variant.
        """
        variants: tuple[str, ...] = self.settings_of(experiment, network).variants
        net = self.networks.used[network]
        if net.x is None and net.has_x_weights is False and "x" in variants:
            return tuple(variant for variant in variants if variant != "stripped")
        return variants

    def n_test_images(self, dataset: str) -> int | None:
        """Return the number of test images that are used, None if the catalogue does not say."""
        count = catalogue()[dataset].image_count("test")
        return (
            count if count is None or self.limit_images is None else min(count, self.limit_images)
        )

    def check_networks(self, names: Iterable[str] | None, key: str = "networks") -> None:
        """Refuse nets that do not exist, or none of which is among those of this run."""
        if names is None:
            return
        used, known = self.networks.use, self.networks.entries
        for name in names:
            if name not in known:
                near = nearest(name, known)
                hint = f"; did you mean {near}?" if near else ""
                raise Refusal(
                    f"asks for {name}, but networks has only {', '.join(known)}{hint}", key
                )
        if not set(names) & set(used):
            raise Refusal(
                f"has {', '.join(names)}, none of which is in networks.use: name some of "
                f"{', '.join(used)}, or null for all of them",
                key,
            )

    def check_enough_classes(self, wanted: int, network: str, key: str) -> None:
        """Refuse more images of different classes than there are classes."""
        dataset = self.networks.used[network].dataset
        n_classes = catalogue()[dataset].n_classes
        if n_classes is not None and wanted > n_classes:
            raise Refusal(f"is {wanted}, but {dataset} has only {n_classes} classes", key)
        n_images = self.n_test_images(dataset)
        if n_images is not None and wanted > n_images:
            raise Refusal(
                f"is {wanted}, but only {n_images} test images of {dataset} are used: lower it, or "
                "raise limit_images",
                key,
            )

    @model_validator(mode="after")
    def _check_sections(self) -> SharedConfig:
        experiments = list(self.sections)
        for number, experiment in enumerate(self.experiments or ()):
            if experiment not in experiments:
                near = nearest(experiment, experiments)
                hint = f"; did you mean {near}?" if near else ""
                raise Refusal(
                    f"is {experiment!r}, but must be one of {', '.join(experiments)}{hint}",
                    f"experiments.{number}",
                )
        self._check_folders()
        self._check_validation_images()
        for network, net in self.networks.used.items():
            for experiment in net.settings:
                if experiment not in experiments:
                    near = nearest(experiment, experiments)
                    hint = f"did you mean {near}? " if near else ""
                    raise Refusal(
                        f"is no experiment: {hint}they are {', '.join(experiments)}",
                        f"networks.{network}.settings.{experiment}",
                    )
                self.settings_of(experiment, network)
        # Defaults of the others may not fit the nets of this run.
        for name in self.chosen:
            try:
                getattr(self, name).check(self)
            except Refusal as refusal:
                raise Refusal(refusal.text, f"{name}.{refusal.key}") from refusal
        check_limits(self)
        return self

    def _check_folders(self) -> None:
        """Results are deleted to start anew, downloads are not."""
        if Path(self.results).resolve().is_relative_to(Path(self.data).resolve()):
            raise Refusal(
                f"is {self.results!r}, which is in the folder of the downloads, data: name another "
                "one",
                "results",
            )

    def _check_validation_images(self) -> None:
        """Both parts of the training images need one image of each class."""
        trained = {net.dataset for net in self.networks.used.values() if net.is_trained}
        trained |= {
            dataset
            for experiment in self.chosen
            for dataset in self.sections[experiment].SPLIT_DATASETS
        }
        for dataset in sorted(trained):
            entry = catalogue()[dataset]
            count, n_classes = entry.image_count("train"), entry.n_classes
            if count is None:
                continue
            n_classes = n_classes or 1
            if not n_classes <= self.validation_images <= count - n_classes:
                raise Refusal(
                    f"is {self.validation_images}, but of {count} training images of {n_classes} "
                    f"classes ({dataset}) it can take from {n_classes} to {count - n_classes}",
                    "validation_images",
                )
