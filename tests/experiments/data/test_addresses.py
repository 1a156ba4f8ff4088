"""Downloads from a local server: what is accepted, refused, repeated and given up."""

from __future__ import annotations

import gzip
import hashlib
import json
import socket
import time
from pathlib import Path

import pytest

from experiments.data.fetch import FetchError, fetch_dataset
from experiments.data.sources import UrlSource
from tests.experiments.data.helpers import (
    FAST,
    GOOD,
    OTHER,
    PACKED,
    altered,
    body,
    chunked,
    drip,
    hang,
    leftovers,
    make_dataset,
    status,
)


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
        closed = UrlSource(url=f"http://127.0.0.1:{free.getsockname()[1]}/{{name}}")
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
    second = UrlSource(url=server.source().url.replace("{name}", "old-{name}"))
    fetched = fetch_dataset(make_dataset(server.source(), second, a=b"A", b=b"B"), tmp_path, **FAST)
    assert [file.source.rpartition("/")[2] for file in fetched] == ["a", "old-b"]
    assert server.requests == ["/a", "/b", "/old-b"]
    assert leftovers(tmp_path) == ["a", "b"]


def test_other_schemes_are_refused():
    with pytest.raises(ValueError, match=r"ftp://example\.org/good is not an http, https or file"):
        UrlSource(url="ftp://example.org/good")
    with pytest.raises(ValueError, match=r"host example\.org"):
        UrlSource(url="file://example.org/good")


def test_file_addresses(tmp_path):
    folder = tmp_path / "with space"
    folder.mkdir()
    (folder / "good.gz").write_bytes(PACKED)
    source = UrlSource(url=f"{folder.as_uri()}/{{name}}.gz", compression="gzip")
    fetch_dataset(make_dataset(source), tmp_path / "out", **FAST)
    assert (tmp_path / "out" / "good").read_bytes() == GOOD
    with pytest.raises(FetchError, match="no such file"):
        fetch_dataset(make_dataset(source, absent=b"x"), tmp_path / "out", **FAST)
