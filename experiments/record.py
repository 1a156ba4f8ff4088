"""Keep a run: its tables and figures, and its facts in one file.

``python -m experiments.record results/imagenette docs/imagenet`` copies what readers want of the
gigabytes of a run, and writes ``run.json``; with ``--without-figures`` only the tables.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.tables import job_facts

__all__ = ["keep", "main", "run_facts"]

# What is copied, and from where.
_TABLES = ("config.yaml", "tables/*.csv", "tables/*.md")
_FIGURES = ("figures/*.png", "pages/*.html")
# Facts that all jobs of a run should share; of each, the different values are listed.
_SHARED = ("commit", "device", "processor", "system", "python", "versions")


def run_facts(results: str | Path) -> dict[str, Any]:
    """Return what the provenance and the benchmark files of a run say together.

    Parameters
    ----------
    results : path
        Folder of the results, or one that holds the folders of several runs.

    Returns
    -------
    dict
        ``commit``, ``device``, ``processor``, ``system``, ``python`` and ``versions``, each a list
        of the different values; ``first`` and ``last``, dates (UTC) of measurements;
        ``results_mb``, size of all files; ``rules``, by rule: ``jobs``, their ``seconds``
        together, ``max_rss_mb`` of the largest. Processor time is not kept: Snakemake samples it,
        of a long job every 30 seconds, and loses what comes after the last sample.

    Raises
    ------
    FileNotFoundError
        If the folder holds no measurement with its provenance.
    """
    folder = Path(results)
    files = _files(folder)
    provenances = list(_provenances(files))
    if not provenances:
        raise FileNotFoundError(f"{folder}: no results of a run there: run Snakemake first")
    shared = {
        name: sorted({json.dumps(facts[name], sort_keys=True) for facts in provenances})
        for name in _SHARED
    }
    dates = sorted(facts["date"] for facts in provenances)
    return {
        **{name: [json.loads(value) for value in values] for name, values in shared.items()},
        "first": dates[0],
        "last": dates[-1],
        "results_mb": round(sum(path.stat().st_size for path in files) / 1e6, 1),
        "rules": _costs_by_rule(files),
    }


def _files(folder: Path) -> list[Path]:
    """Return the files of a run, without those of other runs in folders within its own."""
    is_run = (folder / "config.yaml").is_file()
    others = {path.parent for path in folder.rglob("*/config.yaml")} if is_run else set()
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not others.intersection(path.parents)
    ]


def _provenances(files: Sequence[Path]) -> Iterator[Mapping[str, Any]]:
    for path in files:
        if path.suffix != ".json":
            continue
        for facts in job_facts(path):
            if facts.keys() >= {*_SHARED, "date"}:
                yield facts


def _costs_by_rule(files: Sequence[Path]) -> dict[str, dict[str, float]]:
    by_rule: dict[str, list[Path]] = {}
    for path in files:
        _, found, below = path.as_posix().rpartition("/benchmarks/")
        if found and path.suffix == ".tsv":
            rule = below.partition("/")[0].removesuffix(".tsv")
            by_rule.setdefault(rule, []).append(path)
    return {rule: _costs(by_rule[rule]) for rule in sorted(by_rule)}


def _costs(files: Sequence[Path]) -> dict[str, float]:
    rows: list[dict[str, str]] = []
    for path in files:
        with path.open(encoding="utf-8", newline="") as file:
            rows.extend(csv.DictReader(file, delimiter="\t"))

    def column(name: str) -> list[float]:
        # Of a job of less than a second Snakemake may measure nothing.
        return [float(row[name]) for row in rows if row[name] not in ("-", "NA")]

    return {
        "jobs": len(rows),
        "seconds": round(sum(column("s")), 1),
        "max_rss_mb": max(column("max_rss"), default=0.0),
    }


def keep(results: str | Path, kept: str | Path, figures: bool = True) -> list[Path]:
    """Copy the tables and figures of a run, and write its facts.

    What an earlier run left among the tables and figures is removed.

    Parameters
    ----------
    results, kept : path
        Folder of the results; folder to keep them in, which is created.
    figures : bool, default True
        Whether to keep figures, and pages for readers.

    Returns
    -------
    list of pathlib.Path
        The files.

    Raises
    ------
    FileNotFoundError
        If there are no results.
    """
    source, target = Path(results), Path(kept)
    facts = run_facts(source)
    files = []
    for pattern in (*_TABLES, *_FIGURES):
        for old in target.glob(pattern):
            old.unlink()
    for pattern in (*_TABLES, *(_FIGURES if figures else ())):
        for path in sorted(source.glob(pattern)):
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            files.append(Path(shutil.copyfile(path, copy)))
    target.mkdir(parents=True, exist_ok=True)
    record = target / "run.json"
    record.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    return [*files, record]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(prog="python -m experiments.record", description=__doc__)
    parser.add_argument(
        "results", help="folder of the results of a run, such as results/imagenette"
    )
    parser.add_argument("kept", help="folder to keep its tables, figures and facts in")
    parser.add_argument("--without-figures", action="store_true", help="keep no figures and pages")
    given = parser.parse_args(arguments)
    try:
        files = keep(given.results, given.kept, figures=not given.without_figures)
    except FileNotFoundError as error:
        sys.exit(str(error))
    print(f"{len(files)} files in {given.kept}")


if __name__ == "__main__":
    main()
