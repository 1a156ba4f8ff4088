"""The record of where the files of a data set came from, which several jobs write."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from experiments.data.fetch import PRESENT, FetchedFile
from experiments.data.source_records import keep_sources


def fetched(name, digest="sha256:00", source="https://example.org"):
    return FetchedFile(name, f"elsewhere/{name}", 3, digest, source)


@pytest.fixture
def record(tmp_path):
    return tmp_path / "results" / "tiny" / "sources.json"


def files_of(record):
    return {file["name"]: file for file in json.loads(record.read_text())["files"]}


def test_a_file_that_is_there_keeps_its_source_while_it_is_the_same(record):
    keep_sources("tiny", "data/tiny", [fetched("a")], record)
    kept = keep_sources("tiny", "data/tiny", [fetched("a", source=PRESENT)], record)
    assert kept["files"] == [*files_of(record).values()]
    assert kept["files"][0]["source"] == "https://example.org"
    assert kept["files"][0]["path"] == "data/tiny/a"
    changed = keep_sources("tiny", "data/tiny", [fetched("a", "sha256:11", PRESENT)], record)
    assert changed["files"][0]["source"] == files_of(record)["a"]["source"] == PRESENT


def test_a_job_records_its_files_and_keeps_those_of_others(record):
    keep_sources("tiny", "data/tiny", [fetched("b")], record)
    own = keep_sources("tiny", "data/tiny", [fetched("a", source="a mirror")], record)
    assert own["dataset"] == "tiny" and [file["name"] for file in own["files"]] == ["a"]
    assert {name: file["source"] for name, file in files_of(record).items()} == {
        "a": "a mirror",
        "b": "https://example.org",
    }


@pytest.mark.parametrize("content", ["", "{", "[]"])
def test_a_damaged_record_is_written_again(record, content):
    record.parent.mkdir(parents=True)
    record.write_text(content)
    keep_sources("tiny", "data/tiny", [fetched("a")], record)
    assert list(files_of(record)) == ["a"]


def test_jobs_that_record_at_the_same_time_lose_nothing(record):
    names = [f"file{number}" for number in range(40)]
    with ThreadPoolExecutor(8) as jobs:
        list(jobs.map(lambda n: keep_sources("tiny", "data/tiny", [fetched(n)], record), names))
    assert list(files_of(record)) == sorted(names)
    assert [path.name for path in record.parent.iterdir()] == [record.name]
