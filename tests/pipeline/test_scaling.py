"""The estimate of a run knows the jobs and the bytes of the smoke run."""

from __future__ import annotations

import json
from collections import Counter

import pandas as pd
import pytest

from experiments.config import check_config
from experiments.planned_work import planned_work

# Small networks of their own, which no estimate is needed for.
WITHOUT_ESTIMATE = {
    "measure_axioms",
    "measure_degree",
    "measure_denoising",
    "measure_digit_conversion",
    "measure_genomics",
    "measure_toys",
    "simulate_genomics",
    "summarise_attribution_prior",
    "train_attribution_prior",
    "train_degree",
    "train_denoising",
    "train_digit_conversion",
    "train_genomics",
}


@pytest.fixture(scope="module")
def entries(run_config):
    return planned_work(check_config(run_config))


@pytest.fixture(scope="module")
def benchmarks(results):
    """Return the files of the benchmarks of every rule."""
    folder = results / "benchmarks"
    found = {}
    for path in folder.rglob("*.tsv"):
        found.setdefault(path.relative_to(folder).parts[0].removesuffix(".tsv"), []).append(path)
    return found


def test_every_rule_has_the_predicted_number_of_jobs(benchmarks, entries, run_config):
    jobs = Counter()
    for entry in entries:
        jobs[entry.rule] += entry.jobs
    ran = {rule: len(paths) for rule, paths in benchmarks.items()}
    # MNIST belongs to the digit conversion.
    mnist = [path for path in benchmarks["prepare_dataset"] if path.stem == "mnist"]
    ran["prepare_dataset"] -= len(mnist)
    assert {rule: n for rule, n in ran.items() if rule not in WITHOUT_ESTIMATE} == jobs
    assert set(ran) - set(jobs) == WITHOUT_ESTIMATE


def test_every_job_was_timed(benchmarks, entries):
    for rule in {entry.rule for entry in entries}:
        for path in benchmarks[rule]:
            (row,) = pd.read_csv(path, sep="\t").to_dict("records")
            assert {"s", "cpu_time", "max_rss"} <= row.keys() and float(row["s"]) >= 0


def bytes_of_tensors(path) -> int:
    """Return the size of a safetensors file without its header."""
    with path.open("rb") as file:
        return path.stat().st_size - 8 - int.from_bytes(file.read(8), "little")


def test_stores_have_the_predicted_bytes(results, entries):
    written = {"prepare_dataset": 0, "prepare_images": 0}
    for index in results.rglob("index.json"):
        if index.relative_to(results).parts[0] == "mnist":
            continue
        counts = json.loads(index.read_text())["counts"]
        shards = sorted(index.parent.glob("*.safetensors"))
        assert len(shards) == len(counts)
        rule = "prepare_dataset" if index.parts[-3] == "native" else "prepare_images"
        written[rule] += sum(map(bytes_of_tensors, shards))
    for rule, size in written.items():
        assert size == sum(entry.written for entry in entries if entry.rule == rule) > 0


def test_networks_have_the_predicted_bytes(results, entries, run_config):
    for entry in entries:
        if entry.rule in ("train", "strip_biases", "read_weights"):
            network = entry.subject.rpartition("-")[0]
            folder = results / run_config["networks"][network]["dataset"] / entry.subject
            assert bytes_of_tensors(folder / "model.safetensors") == entry.written


def test_drawings_have_the_predicted_bytes(results, entries, run_config):
    names = {
        "measure_attribution_maps": "attribution_maps/1-of-1",
        "examples_masking": "masked_images",
    }
    for entry in entries:
        if entry.rule in names:
            folder = results / run_config["networks"][entry.subject]["dataset"]
            path = folder / f"{entry.subject}-{names[entry.rule]}.safetensors"
            assert bytes_of_tensors(path) == entry.written
