"""Settings against the data: what the catalogue knows is refused here, and not in a job.

A job would fail after the trainings that it waits for, an hour later.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from experiments.methods import methods
from experiments.networks.architectures import architecture
from experiments.networks.settings import TrainingSettings
from experiments.settings import OnNetworks, Refusal, catalogue, nearest

if TYPE_CHECKING:
    from experiments.networks.config import Network
    from experiments.shared_config import SharedConfig

__all__ = [
    "check_images_for_a_batch",
    "check_limits",
    "check_scatter",
    "image_side",
    "n_training_images",
]


def image_side(network: Network) -> int | None:
    """Return the shorter side of the images that a net takes, None if it is that of the files."""
    images = catalogue()[network.dataset].images
    if images is not None and images.FORM == "idx":
        return min(images.shape)  # type: ignore[union-attr]
    return network.space.crop or network.space.resize


def n_training_images(config: SharedConfig, dataset: str) -> int | None:
    """Return the number of images to train on, None if the catalogue does not say it."""
    count = catalogue()[dataset].image_count("train")
    if count is None:
        return None
    count -= config.validation_images
    return count if config.limit_images is None else min(count, config.limit_images)


def check_images_for_a_batch(config: SharedConfig, dataset: str) -> None:
    """Refuse an experiment that trains nets of its own on fewer images than a batch has.

    Parameters
    ----------
    config : SharedConfig
        The whole configuration.
    dataset : str
        Data set of the training images.

    Raises
    ------
    Refusal
        With the key ``training``, as the section of the experiment has it.
    """
    networks = config.networks.used.values()
    if any(net.dataset == dataset and net.is_trained for net in networks):
        return  # These have as many, and their check names the key.
    n_images = n_training_images(config, dataset)
    batch_size = config.training.settings.batch_size
    if n_images is not None and n_images < batch_size:
        raise Refusal(
            f"needs batches of {batch_size} images, but there are only {n_images} training images "
            f"of {dataset}: lower training.settings.batch_size",
            "training",
        )


def check_limits(config: SharedConfig) -> None:
    """Refuse settings that the nets and images of a run do not allow.

    Raises
    ------
    Refusal
        With a key of the whole configuration.
    """
    for name, network in config.networks.used.items():
        _check_geometry(name, network)
        _check_batches(config, name, network)
    for experiment, section in _on_networks(config):
        _check_shards(config, experiment, section.shards, f"{experiment}.shards")
        _check_convolutions(config, experiment)


def check_scatter(config: SharedConfig, scatter: Mapping[str, int]) -> None:
    """Refuse numbers of shards that ``--set-scatter`` asks for.

    Parameters
    ----------
    config : SharedConfig
        The checked configuration.
    scatter : mapping of str to int
        Number of shards by experiment.

    Raises
    ------
    Refusal
        That names the option.
    """
    fields = type(config).model_fields
    known = [name for name in fields if hasattr(getattr(config, name), "shards")]
    for name, shards in scatter.items():
        key = f"--set-scatter {name}={shards}"
        if name not in known:
            near = nearest(name, known)
            hint = f"; did you mean {near}?" if near else ""
            raise Refusal(f"is not possible: shards are of {', '.join(known)}{hint}", key)
        section = getattr(config, name)
        if shards < 1:
            raise Refusal("is not possible: there must be at least 1 shard", key)
        if isinstance(section, OnNetworks):
            if name in config.chosen:
                _check_shards(config, name, shards, key)
        else:
            most = section.model_copy(update={"shards": shards}).shards_on(config.device)
            if shards > most:
                raise Refusal(
                    f"asks for {shards} shards, but only {most} have repetitions to train on the "
                    f"device {config.device}: ask for at most {most}",
                    key,
                )


def _on_networks(config: SharedConfig) -> Iterator[tuple[str, OnNetworks]]:
    for name in config.chosen:
        section = getattr(config, name)
        if isinstance(section, OnNetworks):
            yield name, section


def _check_shards(config: SharedConfig, experiment: str, shards: int, key: str) -> None:
    """Refuse more shards than the net with the most work has parts."""
    parts = {}
    for network in config.networks_of(experiment):
        known = config.n_test_images(config.networks.used[network].dataset)
        found = _parts(config.settings_of(experiment, network), known)
        if found is None:
            return
        parts[network] = found
    network, (most, what) = max(parts.items(), key=lambda item: item[1][0])
    if shards > most:
        smaller = "" if what.endswith("images") else ", or lower batch_size"
        raise Refusal(
            f"asks for {shards} shards, but only {most} have work ({network}: {what}): ask for at "
            f"most {most}{smaller}",
            key,
        )


def _check_convolutions(config: SharedConfig, experiment: str) -> None:
    """Refuse methods that need a convolution layer on a net that has none."""
    for network in config.networks_of(experiment):
        kind = architecture(str(config.networks.used[network].architecture))
        # Of one experiment they are quadrature rules.
        keys = getattr(config.settings_of(experiment, network), "methods", ())
        refused = [key for key in keys if key in methods() and methods()[key].convolution]
        if refused and not kind.convolutional:
            raise Refusal(
                f"has {', '.join(refused)}, which needs a convolution layer, but {network} "
                f"({kind.name}) has none: leave it out, or give methods for this net in "
                f"networks.{network}.settings.{experiment}",
                f"{experiment}.methods",
            )


def _parts(settings: Any, known: int | None) -> tuple[int, str] | None:
    """Return into how many parts the images can be split, and why; None if it is not known."""
    wanted = settings.n_images
    numbers = list(wanted.values()) if isinstance(wanted, Mapping) else [wanted]
    if known is None and None in numbers:
        return None
    images = [min(number for number in (each, known) if number is not None) for each in numbers]
    size = getattr(settings, "batch_size", 1)
    total = sum(images)
    what = f"{total} images" if size == 1 else f"{total} images in batches of {size}"
    return sum(math.ceil(each / size) for each in images), what


def _check_geometry(name: str, network: Network) -> None:
    kind, side = architecture(str(network.architecture)), image_side(network)
    if "geometry" not in kind.options or side is None:
        return
    least = kind.smallest.get(network.geometry, 1)
    if side < least:
        other = next((key for key, size in kind.smallest.items() if size <= side), None)
        remedy = f"use {other}" if other else "use larger images"
        raise Refusal(
            f"is {network.geometry}, for which {network.architecture} needs images of at least "
            f"{least} pixels, but those of {network.dataset} have {side}: {remedy}",
            f"networks.{name}.geometry",
        )


def _check_batches(config: SharedConfig, name: str, network: Network) -> None:
    n_images = n_training_images(config, network.dataset)
    training = config.training
    for variant in ("regular", "x"):
        schedule = getattr(network, variant)
        if schedule is None:
            continue
        values = {**training.settings.model_dump(), **schedule.model_dump()}
        values.pop("init", None)
        settings = TrainingSettings.from_mapping(values)
        try:
            settings.check(
                training.settings.batch_size if n_images is None else n_images,
                training.devices * training.nodes,
            )
        except ValueError as error:
            raise Refusal(
                f"does not fit networks.{name}.{variant}: {error}", "training.settings.batch_size"
            ) from error
