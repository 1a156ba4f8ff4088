"""The folder of a data set: files that are there already, and files that appear in one step."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from experiments.data import fetch as fetch_module
from experiments.data.catalogue import DataFile, find_problem
from experiments.data.fetch import FetchError, fetch_dataset
from experiments.data.sources import UrlSource
from tests.experiments.data.helpers import (
    FAST,
    GOOD,
    altered,
    body,
    leftovers,
    make_dataset,
)


def test_a_good_file_is_kept_without_a_request(server, tmp_path):
    server.answers["good"] = body(GOOD)
    dataset = make_dataset(server.source())
    fetch_dataset(dataset, tmp_path, **FAST)
    before = (tmp_path / "good").stat()
    server.requests.clear()
    server.answers.clear()
    (fetched,) = fetch_dataset(dataset, tmp_path, **FAST)
    after = (tmp_path / "good").stat()
    assert fetched.source == "already present" and server.requests == []
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_file_put_there_by_hand_is_enough(tmp_path):
    dataset = make_dataset(UrlSource(url="http://127.0.0.1:9/{name}"))
    with pytest.raises(FetchError) as caught:
        fetch_dataset(dataset, tmp_path, **FAST)
    (named,) = [line for line in str(caught.value).splitlines() if line.startswith("  /")]
    Path(named.strip().partition(": ")[0]).write_bytes(GOOD)
    assert fetch_dataset(dataset, tmp_path, **FAST)[0].source == "already present"


def test_only_missing_files_are_fetched(server, tmp_path):
    server.answers["b"] = body(b"B")
    (tmp_path / "a").write_bytes(b"A")
    fetched = fetch_dataset(make_dataset(server.source(), a=b"A", b=b"B"), tmp_path, **FAST)
    assert server.requests == ["/b"] and fetched[0].source == "already present"


def test_only_the_files_that_are_wanted_are_fetched(server, tmp_path):
    server.answers["b"] = body(b"B")
    dataset = make_dataset(server.source(), a=b"A", b=b"B")
    (fetched,) = fetch_dataset(dataset, tmp_path, only=["b"], **FAST)
    assert server.requests == ["/b"] and fetched.name == "b"
    assert not (tmp_path / "a").exists()


def test_a_wrong_file_is_moved_aside_once_a_good_one_is_there(server, tmp_path, caplog):
    server.answers["good"] = body(GOOD)
    dataset = make_dataset(server.source())
    for number, wrong in enumerate([altered(GOOD), b"short", b""]):
        (tmp_path / "good").write_bytes(wrong)
        fetch_dataset(dataset, tmp_path, **FAST)
        assert (tmp_path / "good").read_bytes() == GOOD
        aside = tmp_path / ("good.rejected" + (f"-{number + 1}" if number else ""))
        assert aside.read_bytes() == wrong and aside.name in caplog.text


def test_a_wrong_file_stays_while_there_is_no_good_one(server, tmp_path):
    (tmp_path / "good").write_bytes(b"precious")
    with pytest.raises(FetchError, match="already there, but not the expected file: 8 bytes"):
        fetch_dataset(make_dataset(server.source()), tmp_path, **FAST)
    assert leftovers(tmp_path) == ["good"] and (tmp_path / "good").read_bytes() == b"precious"


def test_a_folder_or_a_dangling_link_in_the_way(server, tmp_path):
    server.answers = {"a": body(b"A"), "b": body(b"B")}
    (tmp_path / "a").mkdir()
    (tmp_path / "b").symlink_to(tmp_path / "nowhere")
    fetch_dataset(make_dataset(server.source(), a=b"A", b=b"B"), tmp_path, **FAST)
    assert leftovers(tmp_path) == ["a", "a.rejected", "b", "b.rejected"]
    size = (tmp_path / "a.rejected").stat().st_size  # of a folder
    as_large = DataFile(name="a.rejected", size=size, git_blob="a" * 40)
    assert find_problem(tmp_path / "a.rejected", as_large) == "not a regular file"
    assert (tmp_path / "b").read_bytes() == b"B" and not (tmp_path / "b").is_symlink()


def test_a_file_appears_complete_and_after_the_last_byte(server, tmp_path):
    seen = []

    def watch(handler):
        half = len(GOOD) // 2
        body(GOOD[:half], length=len(GOOD))(handler)
        time.sleep(0.3)
        seen.extend(leftovers(tmp_path))
        handler.wfile.write(GOOD[half:])

    server.answers["good"] = watch
    fetch_dataset(make_dataset(server.source()), tmp_path, **FAST)
    assert len(seen) == 1 and seen[0].startswith(".good.") and seen[0].endswith(".part")
    assert leftovers(tmp_path) == ["good"]


@pytest.mark.parametrize("wrong", [None, b"wrong"])
def test_concurrent_fetches_do_not_disturb_each_other(server, tmp_path, wrong):
    together = threading.Barrier(4)

    def answer(handler):
        together.wait(10)
        body(GOOD)(handler)

    server.answers["good"] = answer
    dataset = make_dataset(server.source())
    for number in range(10):
        folder = tmp_path / str(number)
        folder.mkdir()
        if wrong:
            (folder / "good").write_bytes(wrong)
        with ThreadPoolExecutor(4) as pool:
            calls = [pool.submit(fetch_dataset, dataset, folder, **FAST) for _ in range(4)]
        assert all(call.result()[0].path == str(folder / "good") for call in calls)
        assert (folder / "good").read_bytes() == GOOD
        assert leftovers(folder) == ["good", *(["good.rejected"] if wrong else [])]
        if wrong:
            assert (folder / "good.rejected").read_bytes() == wrong


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.ENOSPC, "disk full")])
def test_an_interruption_leaves_nothing(server, tmp_path, monkeypatch, error):
    server.answers["good"] = body(GOOD)

    def fail(descriptor):
        raise error

    monkeypatch.setattr(fetch_module.os, "fsync", fail)
    # A full disk is nothing that a source said.
    with pytest.raises(type(error)):
        fetch_dataset(make_dataset(server.source()), tmp_path, **FAST)
    assert leftovers(tmp_path) == []


def test_files_have_the_permissions_that_the_umask_gives(server, tmp_path):
    server.answers["good"] = body(GOOD)
    before = os.umask(0o027)
    try:
        fetch_dataset(make_dataset(server.source()), tmp_path, **FAST)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "good").stat().st_mode) == 0o640


WITHOUT_NETWORK = """
import sys
from experiments.data.fetch import FetchError, fetch_dataset
from experiments.data.sources import UrlSource
from tests.experiments.data.helpers import FAST, make_dataset

dataset = make_dataset(UrlSource(url="https://example.org/{name}"))
try:
    fetch_dataset(dataset, sys.argv[1], **FAST)
except FetchError as error:
    print(error)
"""


def test_without_a_network_the_error_says_so_and_what_is_there_is_used(tmp_path):
    alone = ["unshare", "--map-root-user", "--net"]
    try:
        subprocess.run([*alone, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this system does not let its users make a network namespace")
    command = [*alone, sys.executable, "-c", WITHOUT_NETWORK, str(tmp_path)]
    finished = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "url https://example.org/good: example.org does not answer: " in finished.stdout
    assert f"{tmp_path}/good: {len(GOOD)} bytes, sha256:" in finished.stdout
    assert leftovers(tmp_path) == []
    (tmp_path / "good").write_bytes(GOOD)
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == ""
