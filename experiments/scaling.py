"""What a configuration costs: images, passes through the nets, device hours, jobs and disk.

``python -m experiments.scaling --configfile config.yaml config/imagenet.yaml --rates FILE`` prints
it as Markdown. The rates, seconds per image, are measured by ``benchmarks/input_pipeline.py``.
"""

from __future__ import annotations

import argparse
import csv
import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import yaml

from experiments.config import ConfigError, check_config
from experiments.networks.architectures import printed_names
from experiments.planned_work import planned_work
from experiments.planning import Planned
from experiments.settings import merge
from experiments.shared_config import SharedConfig
from experiments.work import PASSES

__all__ = [
    "decoding_seconds",
    "device_seconds",
    "main",
    "markdown",
    "read_configuration",
    "read_rates",
    "suggested_shards",
]

Rates = Mapping[tuple[str, str], float]

# What a job is worth being sent to a cluster for: starting it takes a minute at most.
_SHORTEST_JOB = 600.0
# With so many jobs for each device, the last ones do not keep the others waiting for long.
_JOBS_PER_DEVICE = 4
# A job holds the tensors that it writes in memory, twice while it joins them.
_MOST_BYTES = 4e9
_HEADINGS = {
    "forward": "forward",
    "gradient": "gradient",
    "gradient_float64": "…, float64",
    "gradient_rounded": "…, rounded",
    "training": "training",
}


def read_configuration(paths: Iterable[str | Path]) -> SharedConfig:
    """Merge and check files of a configuration, the later ones having precedence.

    Raises
    ------
    ConfigError
        If the configuration cannot be run.
    """
    merged: dict[str, object] = {}
    for path in paths:
        merged = merge(merged, yaml.safe_load(Path(path).read_text(encoding="utf-8")))
    return check_config(merged)


def read_rates(path: str | Path) -> dict[tuple[str, str], float]:
    """Read the result of ``benchmarks/input_pipeline.py``.

    Returns
    -------
    dict of tuple of str and str to float
        Seconds per image, by what was measured (the key of an architecture, or ``"training
        images"``, ``"evaluation images"``, ``"store"``) and how (a pass, or ``"reading"``). Of
        several settings the first counts.

    Raises
    ------
    ValueError
        If the file is not such a result.
    """
    try:
        with Path(path).open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row["unit"] == "s per image"]
            rates: dict[tuple[str, str], float] = {}
            for row in rows:
                rates.setdefault((row["case"], row["quantity"]), float(row["median"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} is not a result of benchmarks/input_pipeline.py ({error!r}): measure again"
        ) from error
    if not rates:
        raise ValueError(f"{path} has no times per image: run benchmarks/input_pipeline.py")
    return rates


def device_seconds(entry: Planned, config: SharedConfig, rates: Rates) -> float | None:
    """Return the time that all jobs of an entry take on one device, if its rates are known.

    The rates are those of nets with the geometry of ImageNet.
    """
    passes = {kind: getattr(entry.work, kind) for kind in PASSES}
    if not any(passes.values()) or entry.network is None:
        return 0.0
    net = config.networks.used[entry.network]
    architecture = str(net.architecture)
    if net.geometry != "imagenet" and not architecture.startswith("torchvision/"):
        return None
    needed = [kind for kind, count in passes.items() if count]
    if any((architecture, kind) not in rates for kind in needed):
        return None
    return sum(passes[kind] * rates[architecture, kind] for kind in needed)


def decoding_seconds(entry: Planned, rates: Rates) -> float | None:
    """Return the time in which one process decodes the image files of an entry, if it is known."""
    if not entry.decoded:
        return 0.0
    case = "training images" if entry.rule == "train" else "evaluation images"
    rate = rates.get((case, "reading"))
    return None if rate is None else entry.decoded * rate


def suggested_shards(
    entries: Iterable[Planned], config: SharedConfig, rates: Rates, devices: int
) -> dict[str, int]:
    """Return a number of shards for every experiment.

    A job then takes at most a fourth of the share of one device, but not less than ten minutes; it
    holds at most 4 GB of attributions; and no shard is without work.

    Parameters
    ----------
    entries : iterable of Planned
        All jobs.
    config : SharedConfig
        The configuration.
    rates : mapping
        As of `read_rates`.
    devices : int
        Number of devices.
    """
    times = [
        (entry, device_seconds(entry, config, rates) or 0.0)
        for entry in entries
        if entry.shared_by is not None
    ]
    total = sum(seconds for _, seconds in times)
    longest = max(_SHORTEST_JOB, total / (_JOBS_PER_DEVICE * devices))
    shards: dict[str, int] = {}
    for entry, seconds in times:
        experiment = str(entry.shared_by)
        parts = max(math.ceil(seconds / longest), math.ceil(entry.written / _MOST_BYTES))
        shards[experiment] = max(1, min(entry.blocks, parts), shards.get(experiment, 1))
    return shards


def markdown(config: SharedConfig, rates: Rates, devices: Sequence[int]) -> str:
    """Return the tables of a configuration.

    Parameters
    ----------
    config : SharedConfig
        The configuration.
    rates : mapping
        As of `read_rates`; if it is empty, only what does not depend on a device is printed.
    devices : sequence of int
        Numbers of devices to plan for.
    """
    entries = planned_work(config)
    parts = ["**Work**", _work_table(entries)]
    if rates:
        parts += ["**Device hours**", _hours_table(entries, config, rates)]
        parts += ["**Jobs**", _jobs_table(entries, config, rates, devices)]
    return "\n\n".join([*parts, "**Disk**", _disk_table(entries)]) + "\n"


def _by_rule(entries: Iterable[Planned]) -> dict[str, list[Planned]]:
    found: dict[str, list[Planned]] = {}
    for entry in entries:
        found.setdefault(entry.rule, []).append(entry)
    return found


def _work_table(entries: Sequence[Planned]) -> str:
    kinds = [kind for kind in PASSES if any(getattr(entry.work, kind) for entry in entries)]
    rows = []
    for rule, group in _by_rule(entries).items():
        rows.append(
            [
                rule,
                f"{sum(entry.jobs for entry in group)}",
                _count(sum(entry.work.images for entry in group)),
                *(_count(sum(getattr(entry.work, kind) for entry in group)) for kind in kinds),
                _count(sum(entry.decoded for entry in group)),
                _gigabytes(sum(entry.read for entry in group)),
                _gigabytes(sum(entry.written for entry in group)),
            ]
        )
    names = [_HEADINGS[kind] for kind in kinds]
    return _table(["rule", "jobs", "images", *names, "decoded", "read", "written"], rows)


def _hours_table(entries: Sequence[Planned], config: SharedConfig, rates: Rates) -> str:
    networks = list(dict.fromkeys(entry.network for entry in entries if entry.network))
    rows, totals = [], [0.0] * (len(networks) + 1)
    for rule, group in _by_rule(entries).items():
        decoding = _sum(decoding_seconds(entry, rates) for entry in group)
        seconds = [
            _sum(device_seconds(entry, config, rates) for entry in group if entry.network == name)
            for name in networks
        ]
        cells = [*seconds, decoding]
        if any(cell is None or cell for cell in cells):
            rows.append([rule, *map(_hours, cells)])
        totals = [total + (cell or 0.0) for total, cell in zip(totals, cells, strict=True)]
    rows.append(["all", *map(_hours, totals)])
    architectures = [str(config.networks.used[name].architecture) for name in networks]
    names = [printed_names([key])[key] for key in architectures]
    return _table(["rule", *names, "decoding"], rows)


def _jobs_table(
    entries: Sequence[Planned], config: SharedConfig, rates: Rates, devices: Sequence[int]
) -> str:
    rows = []
    for n_devices in devices:
        shards = suggested_shards(entries, config, rates, n_devices)
        planned = [entry for entry in planned_work(config, shards) if entry.network is not None]
        total, longest = 0.0, (0.0, "")
        for entry in planned:
            seconds = device_seconds(entry, config, rates) or 0.0
            total += seconds
            n_parts = config.training.devices if entry.rule == "train" else entry.jobs
            longest = max(longest, (seconds / n_parts, f"{entry.rule} {entry.subject}"))
        options = " ".join(f"{name}={n}" for name, n in shards.items())
        rows.append(
            [
                str(n_devices),
                f"`--set-scatter {options}`",
                str(sum(entry.jobs for entry in planned)),
                f"{_hours(longest[0])} ({longest[1]})",
                _hours(total / n_devices),
            ]
        )
    heading = ["devices", "shards", "jobs", "hours of the longest", "hours of each device"]
    return _table(heading, rows)


def _disk_table(entries: Sequence[Planned]) -> str:
    rows = []
    for name, kept in (("kept", True), ("deleted after use", False)):
        for rule, group in _by_rule(e for e in entries if e.kept is kept and e.written).items():
            written = [entry.written for entry in group]
            rows.append([rule, name, _gigabytes(sum(written)), _gigabytes(max(written))])
    return _table(["rule", "", "in all", "largest"], rows)


def _table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    def line(cells: Sequence[str]) -> str:
        return f"| {' | '.join(cells)} |"

    ruler = ["---", *["---:"] * (len(heading) - 1)]
    return "\n".join(map(line, [heading, ruler, *rows]))


def _sum(values: Iterator[float | None]) -> float | None:
    """Add what is known; None if something is not."""
    total = 0.0
    for value in values:
        if value is None:
            return None
        total += value
    return total


def _count(number: int) -> str:
    if number < 10_000:
        return f"{number}" if number else ""
    scale, unit = (1e6, " M") if number >= 1e6 else (1e3, " k")
    return f"{_digits(number / scale)}{unit}"


def _gigabytes(number: int) -> str:
    return f"{_digits(number / 1e9)} GB" if number else ""


def _hours(seconds: float | None) -> str:
    if seconds is None:
        return "?"
    if not seconds:
        return ""
    return _digits(seconds / 3600) if seconds >= 36 else "< 0.01"


def _digits(number: float) -> str:
    """Return a number with three digits, or more if it is large."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the cost of a configuration."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--configfile", nargs="+", required=True, help="as for snakemake")
    parser.add_argument("--rates", help="CSV file of benchmarks/input_pipeline.py")
    parser.add_argument("--gpus", nargs="+", type=int, default=[1, 8, 64], help="devices")
    options = parser.parse_args(arguments)
    try:
        rates = {} if options.rates is None else read_rates(options.rates)
        print(markdown(read_configuration(options.configfile), rates, options.gpus), end="")
    except (ConfigError, OSError, ValueError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
