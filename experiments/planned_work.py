"""All jobs of a configuration that run a net or move images, with their work and their files.

The rules of ``workflow/rules`` in numbers, without Snakemake: one entry for each rule and net. What
an experiment does is counted in its own ``work.py``: by ``plan(run, network)`` if it is more than
one measurement of every variant of a net. Experiments with small nets of their own are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from experiments import work
from experiments.model_files import image_shape, model_bytes, origin
from experiments.planning import Plan, Planned, n_pixels, split_sizes
from experiments.settings import OnNetworks, catalogue
from experiments.shared_config import SharedConfig
from experiments.work import Work

__all__ = ["planned_work", "store_bytes"]

_LABEL = 8


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
            name for name in config.chosen if isinstance(getattr(config, name), OnNetworks)
        ]
        used = [name for experiment in self._experiments for name in self._measured(experiment)]
        self._used = {name: self._nets[name] for name in self._nets if name in used}

    def entries(self) -> Iterator[Planned]:
        yield from self._data()
        yield from self._models()
        for experiment in self._experiments:
            run = Plan(self._config, experiment, self._shards)
            plan = getattr(run.counted, "plan", _measurements)
            for network in self._measured(experiment):
                yield from plan(run, network)

    def _measured(self, experiment: str) -> tuple[str, ...]:
        return self._config.networks_of(experiment)

    def _sizes(self, network: str) -> dict[str, int]:
        return split_sizes(self._config, self._nets[network].dataset)

    def _store(self, network: str, split: str) -> int:
        return store_bytes(self._sizes(network)[split], image_shape(self._nets[network]))

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
            read=read + n_pixels(net, from_stores),
            written=written,
        )


def _measurements(run: Plan, network: str) -> Iterator[Planned]:
    for variant in run.variants(network):
        yield run.measurement(network, variant)
