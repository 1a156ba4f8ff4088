"""All jobs of a configuration that run a net or move images, with their work and their files.

The rules of ``workflow/rules`` in numbers, without Snakemake: one entry for each rule and net. The
small nets of `degree`, `digit_conversion`, `genomics` and `attribution_prior` are left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from experiments import work
from experiments.methods import method
from experiments.model_files import image_shape, model_bytes, origin
from experiments.settings import OnNetworks, catalogue
from experiments.shared_config import SharedConfig
from experiments.work import Work

__all__ = ["Planned", "planned_work", "split_sizes", "store_bytes"]

_FLOAT, _LABEL = 4, 8
_METRICS = 6


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


def store_bytes(n_images: int, shape: Sequence[int]) -> int:
    """Return the bytes of the pixels and labels of a store, without its headers."""
    channels, height, width = shape
    return n_images * (channels * height * width + _LABEL)


def planned_work(config: SharedConfig, shards: Mapping[str, int] | None = None) -> list[Planned]:
    """List the jobs of a configuration.

    Parameters
    ----------
    config : SharedConfig
        The checked configuration.
    shards : mapping of str to int, optional
        Shards by experiment, as of ``--set-scatter``; by default those of the configuration.

    Returns
    -------
    list of Planned
        In the order of the workflow.

    Raises
    ------
    ValueError
        If the number or the size of the images is not known.
    """
    return list(_Plan(config, shards or {}).entries())


class _Plan:
    def __init__(self, config: SharedConfig, shards: Mapping[str, int]) -> None:
        self._config, self._shards = config, shards
        self._nets = config.networks.used
        self._experiments = [
            name
            for name in type(config).model_fields
            if isinstance(getattr(config, name), OnNetworks)
            and (config.experiments is None or name in config.experiments)
        ]
        used = [name for experiment in self._experiments for name in self._measured(experiment)]
        self._used = {name: self._nets[name] for name in self._nets if name in used}

    def entries(self) -> Iterator[Planned]:
        yield from self._data()
        yield from self._models()
        for experiment in self._experiments:
            for network in self._measured(experiment):
                if experiment == "masking":
                    yield from self._masking(network)
                elif experiment == "attribution_maps":
                    yield self._maps(network)
                else:
                    for variant in self._config.variants_of(experiment, network):
                        if experiment == "single_deletion":
                            yield self._fine_tuning(network, variant)
                        yield self._measuring(experiment, network, variant)

    def _measured(self, experiment: str) -> tuple[str, ...]:
        return self._config.networks_of(experiment)

    def _sizes(self, network: str) -> dict[str, int]:
        return split_sizes(self._config, self._nets[network].dataset)

    def _store(self, network: str, split: str) -> int:
        return store_bytes(self._sizes(network)[split], image_shape(self._nets[network]))

    def _pixels(self, network: str, n_images: int) -> int:
        channels, height, width = image_shape(self._nets[network])
        return n_images * channels * height * width

    def _data(self) -> Iterator[Planned]:
        """Yield the jobs that make stores, once for each data set and size of images."""
        views: dict[tuple[str, str], list[str]] = {}
        for name, net in self._used.items():
            views.setdefault((net.dataset, net.view), []).append(name)
        for dataset in dict.fromkeys(dataset for dataset, _ in views):
            sizes, entry = split_sizes(self._config, dataset), catalogue()[dataset]
            if entry.image_form == "idx":
                (network,) = (names[0] for (found, _), names in views.items() if found == dataset)
                written = sum(self._store(network, split) for split in sizes)
                yield Planned(
                    "prepare_dataset", dataset, Work(sum(sizes.values())), written=written
                )
                continue
            rule = "index_images" if "train" in sizes else "index_test_images"
            yield Planned(rule, dataset, Work(sum(sizes.values())))
            for (found, view), names in views.items():
                if found != dataset:
                    continue
                trained = any(self._used[name].is_trained for name in names)
                for split in ("test", "validation") if trained else ("test",):
                    yield Planned(
                        "prepare_images",
                        f"{dataset}/{view}-{split}",
                        Work(sizes[split]),
                        decoded=sizes[split],
                        written=self._store(names[0], split),
                    )

    def _models(self) -> Iterator[Planned]:
        """Yield the jobs that make nets, those that other nets start from first."""
        for name, net in self._used.items():
            wanted = {
                variant
                for experiment in self._experiments
                if name in self._measured(experiment)
                for variant in self._config.variants_of(experiment, name)
            }
            rules: dict[str, tuple[str, str | None]] = {}
            for variant in ("x", "stripped", "regular", "pretrained"):
                if variant in wanted:
                    rules[variant] = rule, start = origin(net, variant)
                    if start is not None:
                        wanted.add(start)
            for variant, (rule, start) in reversed(rules.items()):
                yield self._model(name, variant, rule, start)

    def _model(self, name: str, variant: str, rule: str, start: str | None) -> Planned:
        net = self._nets[name]
        read = 0 if start is None else model_bytes(net, start)
        written = model_bytes(net, variant)
        if rule != "train":
            return Planned(rule, f"{name}-{variant}", read=read, written=written)
        sizes, settings = self._sizes(name), self._config.training.settings
        schedule = net.x if variant == "x" else net.regular
        assert schedule is not None  # as origin says
        trained = work.training(
            settings.model_dump(), schedule.epochs, sizes["train"], sizes["validation"]
        )
        from_files = catalogue()[net.dataset].image_form != "idx"
        from_stores = trained.forward if from_files else trained.images
        return Planned(
            rule,
            f"{name}-{variant}",
            trained,
            network=name,
            decoded=trained.training if from_files else 0,
            read=read + self._pixels(name, from_stores),
            written=written,
        )

    def _measuring(self, experiment: str, network: str, variant: str) -> Planned:
        settings, read = self._settings(experiment, network), 0
        if "precision" in settings:
            settings = {**settings, "precision": settings["precision"][variant]}
        if experiment == "mean_relative_difference":
            settings = {**settings, "mantissa_images": settings["mantissa_images"][variant]}
        if experiment == "single_deletion":
            settings = {**settings, "methods": _methods(settings, variant)}
            # Of the net in-domain.
            read = self._n_shards(experiment) * model_bytes(self._nets[network], variant)
        done = getattr(work, experiment)(settings, self._sizes(network)["test"])
        return self._shared(f"measure_{experiment}", experiment, network, variant, done, read)

    def _fine_tuning(self, network: str, variant: str) -> Planned:
        """Plan the training of a net on images with a deleted cell."""
        net, settings = self._nets[network], self._config.training.settings
        epochs = self._settings("single_deletion", network)["in_domain"]["epochs"]
        done = work.training(settings.model_dump(), epochs, self._sizes(network)["train"], 0)
        model = model_bytes(net, variant)
        from_files = catalogue()[net.dataset].image_form != "idx"
        return Planned(
            "fine_tune_single_deletion",
            f"{network}-{variant}",
            done,
            network=network,
            decoded=done.training if from_files else 0,
            read=model + (0 if from_files else self._pixels(network, done.images)),
            written=model,
        )

    def _maps(self, network: str) -> Planned:
        settings = self._settings("attribution_maps", network)
        variants = self._config.variants_of("attribution_maps", network)
        methods = [key for variant in variants for key in _methods(settings, variant)]
        done = work.attribution_maps(settings, methods)
        channels, height, width = image_shape(self._nets[network])
        maps = len(settings["alphas"]) * (channels + len(methods))
        jobs = self._n_shards("attribution_maps")
        models = sum(model_bytes(self._nets[network], variant) for variant in variants)
        return Planned(
            "measure_attribution_maps",
            network,
            done,
            jobs,
            network,
            read=self._pixels(network, done.images) + jobs * models,
            written=_FLOAT * done.images * maps * height * width,
            shared_by="attribution_maps",
            blocks=done.images,
        )

    def _masking(self, network: str) -> Iterator[Planned]:
        settings, available = self._settings("masking", network), self._sizes(network)["test"]
        net = self._nets[network]
        channels, height, width = image_shape(net)
        from_files = catalogue()[net.dataset].image_form == "folders"
        steps = settings["insertion_deletion"]
        n_fractions, n_steps = settings["fractions"]["count"], 0 if steps is None else steps + 1
        for variant in self._config.variants_of("masking", network):
            methods = _methods(settings, variant)
            made = work.attributing(settings, available, methods, variant)
            done = work.masking(settings, available, methods)
            maps = _FLOAT * made.images * len(methods) * height * width
            # The target logit and whether it is the largest; insertion and deletion.
            of_method = _METRICS * n_fractions * (_FLOAT + 1) + 2 * n_steps * _FLOAT
            jobs = self._n_shards("masking")
            shared = 8 * (n_fractions + n_steps)
            scores = done.images * (8 + len(methods) * of_method) + jobs * shared
            yield self._shared(
                "attribute_masking",
                "masking",
                network,
                variant,
                made,
                decoded=made.references if from_files else 0,
                read=0 if from_files else self._pixels(network, made.references),
                written=maps,
                kept=False,
            )
            yield self._shared(
                "evaluate_masking",
                "masking",
                network,
                variant,
                done,
                read=maps,
                written=scores,
                kept=False,
            )
            yield Planned("merge_masking", f"{network}-{variant}", read=scores)
        variant = settings["examples"]["variant"]
        methods = _methods(settings, variant)
        done, examples = work.masked_examples(settings, methods), settings["examples"]
        images = 2 + len(methods) * len(examples["fractions"])
        numbers = channels * height * width * images + images + len(methods) * height * width
        yield Planned(
            "examples_masking",
            network,
            done,
            network=network,
            decoded=done.references if from_files else 0,
            read=self._pixels(network, done.images) + model_bytes(net, variant),
            written=_FLOAT * examples["n_images"] * numbers,
        )

    def _shared(
        self,
        rule: str,
        experiment: str,
        network: str,
        variant: str,
        done: Work,
        read: int = 0,
        **files: Any,
    ) -> Planned:
        """Plan the shards of a measurement; each of them reads the net."""
        jobs = self._n_shards(experiment)
        model = model_bytes(self._nets[network], variant)
        size = self._settings(experiment, network).get("batch_size", 1)
        return Planned(
            rule,
            f"{network}-{variant}",
            done,
            jobs,
            network,
            read=read + self._pixels(network, done.images) + jobs * model,
            shared_by=experiment,
            blocks=math.ceil(done.images / size),
            **files,
        )

    def _n_shards(self, experiment: str) -> int:
        found: int = getattr(self._config, experiment).shards
        return self._shards.get(experiment, found)

    def _settings(self, experiment: str, network: str) -> dict[str, Any]:
        found: dict[str, Any] = self._config.settings_of(experiment, network).model_dump()
        return found


def _methods(settings: Mapping[str, Any], variant: str) -> list[str]:
    """Return the methods of an experiment that are defined for a variant."""
    return [
        key for key in settings["methods"] if variant != "regular" or not method(key).homogeneous
    ]
