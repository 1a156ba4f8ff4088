"""What killed downloads leave behind goes with the next run, and what others are making stays."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from experiments.data import partial_files
from experiments.data.fetch import fetch_dataset
from experiments.data.partial_files import partial_file, partial_folder, remove_abandoned
from tests.experiments.data.helpers import FAST, GOOD, body, leftovers, make_dataset

ROOT = Path(__file__).parents[3]
MAKER = """
import sys, tempfile, time
from pathlib import Path
from experiments.data.partial_files import partial_file, partial_folder

folder = Path(sys.argv[1])
tempfile.tempdir = sys.argv[2]
with partial_file(folder / "good") as (path, stream), partial_folder() as package:
    stream.write(b"half a file")
    stream.flush()
    (package / "half").mkdir()
    (package / "half" / "a package").write_text("x")
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def places(tmp_path, monkeypatch):
    """The folder of a data set, and a temporary folder of the system."""
    data, temporary = tmp_path / "data", tmp_path / "temporary"
    data.mkdir()
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    return data, temporary


@pytest.fixture
def maker(places):
    """Another process in the middle of a download and of a package."""
    command = [sys.executable, "-c", MAKER, *map(str, places)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


def test_the_next_download_removes_what_a_killed_one_left(server, places, maker):
    data, temporary = places
    server.answers["good"] = body(GOOD)
    before = leftovers(data), leftovers(temporary)
    assert [len(names) for names in before] == [1, 1]
    dataset = make_dataset(server.source())
    # While the other process lives, what it makes is left alone.
    fetch_dataset(dataset, data, **FAST)
    with partial_folder() as own:
        assert leftovers(temporary) == sorted([*before[1], own.name])
    assert leftovers(data) == [*before[0], "good"] and leftovers(temporary) == before[1]
    assert (temporary / before[1][0] / "half" / "a package").exists()
    maker.kill()
    maker.wait()
    assert leftovers(data) == [*before[0], "good"]
    # Also where nothing has to be fetched.
    fetch_dataset(dataset, data, **FAST)
    assert leftovers(data) == ["good"]
    with partial_folder() as own:
        assert leftovers(temporary) == [own.name]
    assert leftovers(temporary) == []


def test_nothing_else_is_removed(places, tmp_path):
    data, temporary = places
    kept = [
        "good",
        ".good.part",
        ".good.1-abc.part",
        ".other.1-0123abcd.part",
        "good.1-0123abcd.part",
    ]
    for name in kept:
        (data / name).write_text("kept")
    (data / ".good.1-01234567.part").mkdir()
    (data / ".good.2-01234567.part").symlink_to(data / "good")
    (tmp_path / "elsewhere").mkdir()
    (temporary / "xgradient-package-link").symlink_to(tmp_path / "elsewhere")
    (temporary / "xgradient-package-file").write_text("kept")
    (temporary / "xgradient-other").mkdir()
    before = leftovers(data), leftovers(temporary)
    remove_abandoned([data / "good", tmp_path / "no such folder" / "good"])
    with partial_folder():
        pass
    assert (leftovers(data), leftovers(temporary)) == before


def test_what_belongs_to_another_user_stays(places, monkeypatch):
    data, temporary = places
    (data / ".good.1-0123abcd.part").touch()
    (temporary / "xgradient-package-x").mkdir()
    own = os.getuid()
    monkeypatch.setattr(partial_files.os, "getuid", lambda: own + 1)
    remove_abandoned([data / "good"])
    with partial_folder():
        pass
    assert leftovers(data) == [".good.1-0123abcd.part"]
    assert leftovers(temporary) == ["xgradient-package-x"]


def test_where_nothing_can_be_locked_age_decides(places, monkeypatch):
    data, _ = places

    def refuse(descriptor, operation):
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(partial_files.fcntl, "flock", refuse)
    new, old = data / ".good.1-00000000.part", data / ".good.1-11111111.part"
    for path in (new, old):
        path.touch()
    week = time.time() - 7 * 24 * 3600
    os.utime(old, (week, week))
    remove_abandoned([data / "good"])
    assert leftovers(data) == [new.name]
    with partial_file(data / "other") as (path, stream):
        stream.write(b"x")
        stream.flush()
        assert path.read_bytes() == b"x"


def test_a_file_that_is_removed_before_it_is_locked_is_made_again(places, monkeypatch):
    data, _ = places
    flock, paths = fcntl.flock, []

    def late(descriptor, operation):
        # Another process takes the first one for left behind.
        if not paths:
            (path,) = data.iterdir()
            path.unlink()
            paths.append(path)
        flock(descriptor, operation)

    monkeypatch.setattr(partial_files.fcntl, "flock", late)
    with partial_file(data / "good") as (path, _):
        assert path.exists() and path not in paths and len(paths) == 1
    assert leftovers(data) == []
