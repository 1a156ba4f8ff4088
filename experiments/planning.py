"""Jobs with their work and their files, and what experiments build them from.

The functions ``plan(run, network)`` in ``experiments/NAME/work.py`` get a `Plan` and yield
`Planned` jobs; `experiments.planned_work` calls them.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from experiments import work
from experiments.model_files import image_shape, model_bytes
from experiments.networks.config import Network
from experiments.settings import catalogue
from experiments.shared_config import SharedConfig
from experiments.work import Work

__all__ = ["Plan", "Planned", "n_pixels", "split_sizes"]


@dataclass(frozen=True)
class Planned:
    """The jobs of one rule for one net or data set.

    Parameters
    ----------
    rule : str
        The rule.
    subject : str
        What its jobs have in common: ``DATASET``, ``NETWORK`` or ``NETWORK-VARIANT``.
    work : Work
        Of all jobs together.
    jobs : int
        Number of jobs.
    network : str or None
        The net that runs.
    decoded : int
        Image files that are decoded, at full size.
    read, written : int
        Bytes of stores, of models and of tensors between jobs; tables and image files are not
        counted.
    kept : bool
        Whether what is written stays after the run.
    shared_by : str or None
        The experiment whose number of shards is the number of jobs.
    blocks : int
        The largest number of shards that all have work.
    """

    rule: str
    subject: str
    work: Work = field(default_factory=Work)
    jobs: int = 1
    network: str | None = None
    decoded: int = 0
    read: int = 0
    written: int = 0
    kept: bool = True
    shared_by: str | None = None
    blocks: int = 1


def split_sizes(config: SharedConfig, dataset: str) -> dict[str, int]:
    """Return the number of images of each split, as the run uses them.

    Raises
    ------
    ValueError
        If the catalogue does not say how many images the data set has.
    """
    entry = catalogue()[dataset]
    sizes: dict[str, int] = {}
    for split in ("train", "test"):
        if split in entry.image_splits:
            count = entry.image_count(split)
            if count is None:
                raise ValueError(
                    f"workflow/datasets/{dataset}.yaml does not say how many images there are: add "
                    f"images.counts.{split}"
                )
            sizes[split] = count
    if "train" in sizes:
        sizes["validation"] = config.validation_images
        sizes["train"] -= config.validation_images
    limit = config.limit_images
    return {
        split: size if limit is None or split == "validation" else min(size, limit)
        for split, size in sizes.items()
    }


def n_pixels(net: Network, n_images: int) -> int:
    """Return the bytes of images as a net takes them, without their labels."""
    channels, height, width = image_shape(net)
    return n_images * channels * height * width


class Plan:
    """What the ``plan`` of an experiment builds its jobs from.

    Parameters
    ----------
    config : SharedConfig
        The checked configuration.
    experiment : str
        The experiment.
    shards : mapping of str to int
        Shards by experiment; by default those of the configuration.

    Attributes
    ----------
    counted : module
        The ``work.py`` of the experiment.
    n_shards : int
        Number of its shards.
    """

    def __init__(self, config: SharedConfig, experiment: str, shards: Mapping[str, int]) -> None:
        self._config, self.experiment = config, experiment
        self.counted = importlib.import_module(f"experiments.{experiment}.work")
        found: int = getattr(config, experiment).shards
        self.n_shards = shards.get(experiment, found)

    def _net(self, network: str) -> Network:
        return self._config.networks.used[network]

    def _sizes(self, network: str) -> dict[str, int]:
        return split_sizes(self._config, self._net(network).dataset)

    def settings(self, network: str) -> dict[str, Any]:
        """Return the section of the experiment, with what a net has of its own."""
        found: dict[str, Any] = self._config.settings_of(self.experiment, network).model_dump()
        return found

    def variants(self, network: str) -> list[str]:
        """Return the variants of a net that the experiment is about."""
        return list(self._config.variants_of(self.experiment, network))

    def available(self, network: str) -> int:
        """Return the number of test images of a net's data set."""
        return self._sizes(network)["test"]

    def n_references(self, network: str) -> int:
        """Return the number of images that baselines are drawn from: for training, if any are."""
        sizes = self._sizes(network)
        return sizes.get("train", sizes["test"])

    def image_shape(self, network: str) -> tuple[int, int, int]:
        """Return channels, height and width of an image as a net takes it."""
        return image_shape(self._net(network))

    def image_form(self, network: str) -> str | None:
        """Return the form of the files of a net's data set, such as ``"idx"``."""
        return catalogue()[self._net(network).dataset].image_form

    def pixels(self, network: str, n_images: int) -> int:
        """Return the bytes of images as a net takes them."""
        return n_pixels(self._net(network), n_images)

    def model_bytes(self, network: str, variant: str) -> int:
        """Return the bytes of a model file."""
        return model_bytes(self._net(network), variant)

    def measurement(self, network: str, variant: str, nets: int = 1) -> Planned:
        """Plan the measurement of one variant, by the ``measuring`` of the experiment.

        Parameters
        ----------
        network, variant : str
            The net.
        nets : int, default 1
            How many nets of this size every job reads.
        """
        done = self.counted.measuring(self.settings(network), self.available(network), variant)
        return self.shards(f"measure_{self.experiment}", network, [variant] * nets, done)

    def shards(
        self,
        rule: str,
        network: str,
        variants: Iterable[str],
        done: Work,
        subject: str | None = None,
        read: int = 0,
        blocks: int | None = None,
        **files: Any,
    ) -> Planned:
        """Plan the shards of a rule.

        Parameters
        ----------
        rule : str
            The rule.
        network : str
            The net.
        variants : iterable of str
            Those that every shard reads.
        done : Work
            Of all shards.
        subject : str, optional
            What the jobs have in common; by default the net and its first variant.
        read : int, default 0
            Bytes beside images and nets.
        blocks : int, optional
            The largest number of shards; by default batches.
        **files
            Other values of `Planned`.
        """
        names = list(variants)
        models = sum(self.model_bytes(network, variant) for variant in names)
        size = self.settings(network).get("batch_size", 1)
        return Planned(
            rule,
            subject or f"{network}-{names[0]}",
            done,
            self.n_shards,
            network,
            read=read + self.pixels(network, done.images) + self.n_shards * models,
            shared_by=self.experiment,
            blocks=math.ceil(done.images / size) if blocks is None else blocks,
            **files,
        )

    def fine_tuning(self, rule: str, network: str, variant: str, epochs: int) -> Planned:
        """Plan a training that starts from a net of the configuration, without validation."""
        training = self._config.training.settings.model_dump()
        done = work.training(training, epochs, self._sizes(network)["train"], 0)
        model = self.model_bytes(network, variant)
        from_files = self.image_form(network) != "idx"
        return Planned(
            rule,
            f"{network}-{variant}",
            done,
            network=network,
            decoded=done.training if from_files else 0,
            read=model + (0 if from_files else self.pixels(network, done.images)),
            written=model,
        )
