"""Servers that make no sense or waste time: the fault is theirs, and the next source is tried."""

from __future__ import annotations

import gzip
import logging
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace

import pytest

from experiments.data import addresses
from experiments.data.delivery import SourceError, cleaned
from experiments.data.fetch import FetchError, fetch_dataset
from experiments.data.sources import UrlSource
from tests.experiments.data.helpers import (
    FAST,
    GOOD,
    OTHER,
    body,
    drip_raw,
    leftovers,
    make_dataset,
    raw,
    status,
)

OK = b"HTTP/1.1 200 OK\r\n"


def redirect(target: bytes) -> bytes:
    return b"HTTP/1.1 302 Found\r\nConnection: close\r\nLocation: " + target + b"\r\n\r\n"


@pytest.fixture
def sources(server):
    """A source with any answer, and one on another host that has the file."""
    server.answers["mirrored/good"] = body(GOOD)
    second = f"http://localhost:{server.server_port}/mirrored/{{name}}"
    return server.source(), UrlSource(url=second)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (redirect(b"file:///etc/hostname"), "file:///etc/hostname is no http or https address"),
        (redirect(b"ftp://example.org/x"), "ftp://example.org/x is no http or https address"),
        (redirect(b"javascript:alert(1)"), "is no http or https address"),
        (redirect(b"http://[::1/good"), "makes no sense"),
        (redirect(b"http://user:secret@[/good"), "makes no sense"),
        (redirect(b"http://a..b/good"), "makes no sense"),
        (redirect(b"http://example.org:999999/"), "makes no sense"),
        (redirect(b"\xff\xfe"), "makes no sense"),
        (redirect(b"/good"), "more than 10 redirects"),
        (b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", "HTTP 302 Found"),
        (OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", "makes no sense"),
        (OK + b"Content-Length: -5\r\n\r\nabcdef", "6 bytes instead of"),
        (OK + b"Content-Length: many\r\n\r\nabcdef", "6 bytes instead of"),
        (OK + b"Content-Length: \xb2\r\n\r\nabcdef", "6 bytes instead of"),
        (OK + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\nabcdef", "6 bytes instead of"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\nnot hexadecimal\r\n", "the transfer broke off"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nabcde", "the transfer broke off"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"1" * 70_000, "the transfer broke off"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabc", "the transfer broke off"),
        (OK + b"X: " + b"y" * 70_000 + b"\r\n\r\n", "does not answer"),
        (OK + b"".join(b"X%d: y\r\n" % n for n in range(200)) + b"\r\n", "does not answer"),
        (b"HTTP/1.1 OK\r\n\r\n", "does not answer"),
        (b"no protocol at all\r\n\r\n", "does not answer"),
        (b"\x16\x03\x01\x00\x00", "does not answer"),
        (b"", "does not answer"),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_an_answer_that_makes_no_sense_is_the_fault_of_its_source(
    server, sources, tmp_path, answer, said
):
    server.answers["good"] = raw(answer)
    quick = {**FAST, "backoff": 0.0}
    (fetched,) = fetch_dataset(make_dataset(*sources), tmp_path / "both", **quick)
    assert fetched.source.endswith("/mirrored/good")
    with pytest.raises(FetchError) as caught:
        fetch_dataset(make_dataset(sources[0]), tmp_path / "alone", **quick)
    assert said in str(caught.value) and "secret" not in str(caught.value)
    assert leftovers(tmp_path / "alone") == []


def test_a_redirect_to_another_source_is_followed_and_its_own_body_is_not_read(server, tmp_path):
    endless = drip_raw(
        b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 100000000\r\n\r\n", b"x", 3
    )
    server.answers.update({"good": endless, "elsewhere": body(GOOD)})
    start = time.monotonic()
    fetch_dataset(make_dataset(server.source()), tmp_path, **FAST)
    assert time.monotonic() - start < 10 and (tmp_path / "good").read_bytes() == GOOD


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (drip_raw(b"", b"H", 12), "does not answer within 0.3 s"),
        (drip_raw(OK + b"X: ", b"y", 12), "does not answer within 0.3 s"),
        (drip_raw(OK, b"X: y\r\n", 12), "does not answer within 0.3 s"),
        (drip_raw(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 12), "does not answer within 0.3 s"),
        (drip_raw(OK + b"Content-Length: 102400\r\n\r\n", b"x", 12), "is too slow"),
        (drip_raw(OK + b"\r\n", b"x", 12), "is too slow"),
        (drip_raw(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0", 12), "no data for"),
        (drip_raw(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", 12), "is too slow"),
        (drip_raw(OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n", 12), "no data for"),
    ],
    ids=["status", "header", "headers", "continue", "body", "no length", "size", "chunks", "end"],
)
def test_a_server_that_sends_a_byte_now_and_then_is_left(server, sources, tmp_path, answer, said):
    server.answers["good"] = answer
    # Each byte comes long before the time-out.
    quick = {**FAST, "timeout": 0.3, "retries": 0}
    start = time.monotonic()
    with pytest.raises(FetchError) as caught:
        fetch_dataset(make_dataset(sources[0]), tmp_path / "alone", **quick)
    assert said in str(caught.value) and leftovers(tmp_path / "alone") == []
    fetch_dataset(make_dataset(*sources), tmp_path / "both", **quick)
    assert time.monotonic() - start < 10


def test_a_slow_transfer_that_goes_on_is_not_left(server, tmp_path):
    # 25 kB per second, for longer than the time-out.
    server.answers["good"] = lambda handler: [
        body(GOOD[:1000], length=20_000)(handler),
        *(
            [handler.wfile.write(GOOD[n : n + 1000]), time.sleep(0.04)]
            for n in range(1000, 20_000, 1000)
        ),
    ]
    dataset = make_dataset(server.source(), good=GOOD[:20_000])
    fetch_dataset(dataset, tmp_path, **{**FAST, "timeout": 0.3})
    assert len(server.requests) == 1


@pytest.fixture
def waits(monkeypatch):
    """The waits between attempts, which take no time."""
    slept = []
    # Not of the module itself, which the server of the tests uses too.
    own = SimpleNamespace(monotonic=time.monotonic, sleep=slept.append)
    monkeypatch.setattr(addresses, "time", own)
    return slept


@pytest.mark.parametrize("code", [429, 503])
@pytest.mark.parametrize("form", ["seconds", "date", "many digits"])
def test_a_server_that_asks_for_a_long_wait_is_left_for_the_next_source(
    server, tmp_path, waits, code, form
):
    asked = {
        "seconds": "180",
        "date": format_datetime(datetime.now(UTC) + timedelta(minutes=3), usegmt=True),
        "many digits": "9" * 30,
    }[form]
    server.answers = {name: status(code, Retry_After=asked) for name in ("good", "other")}
    server.answers.update({"mirrored/good": body(GOOD), "mirrored/other": body(OTHER)})
    second = UrlSource(url=f"http://localhost:{server.server_port}/mirrored/{{name}}")
    dataset = make_dataset(server.source(), second, good=GOOD, other=OTHER)
    fetch_dataset(dataset, tmp_path / "both", **FAST)
    # The other files do not ask again.
    assert waits == [] and server.requests == ["/good", "/mirrored/good", "/mirrored/other"]
    with pytest.raises(FetchError, match=rf"HTTP {code} .*; it asks to wait .* s, more than"):
        fetch_dataset(make_dataset(server.source()), tmp_path / "alone", **FAST)


def test_a_wait_is_announced_and_those_of_all_files_are_bounded_together(
    server, tmp_path, waits, caplog
):
    names = ["a", "b", "c", "d"]
    server.answers = {name: status(429, Retry_After="25") for name in names}
    dataset = make_dataset(server.source(), **dict.fromkeys(names, GOOD))
    with pytest.raises(FetchError), caplog.at_level(logging.WARNING):
        fetch_dataset(dataset, tmp_path, **{**FAST, "retries": 3})
    assert waits == [25, 25] and server.requests == ["/a", "/a", "/a"]
    said = [record.getMessage() for record in caplog.records]
    assert said == ["a: HTTP 429 Too Many Requests; the next attempt is in 25 s"] * 2


@pytest.mark.parametrize("asked", ["soon", "-5", "", "1e3", "Thu, 99 Foo 2026 00:00:00 GMT"])
def test_a_wait_that_makes_no_sense_is_the_usual_one(server, tmp_path, waits, asked):
    server.answers["good"] = [status(503, Retry_After=asked), body(GOOD)]
    fetch_dataset(make_dataset(server.source()), tmp_path, **{**FAST, "backoff": 0.25})
    assert waits == [0.25]


RUDE = (
    "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x9b2J bell\x07\r\x08 \u202ereversed\u2028 " + "x" * 9000
)


@pytest.mark.parametrize("code", [404, 503])
def test_what_a_server_says_cannot_write_on_the_terminal(server, tmp_path, caplog, code):
    reason = RUDE.encode("latin-1", "ignore").replace(b"\r", b"")
    server.answers["good"] = raw(b"HTTP/1.1 %d %s\r\n\r\n" % (code, reason))
    with pytest.raises(FetchError) as caught, caplog.at_level(logging.INFO):
        fetch_dataset(make_dataset(server.source()), tmp_path, **FAST)
    for text in (str(caught.value), caplog.text):
        assert f"HTTP {code} red bell" in text
        assert all(letter.isprintable() or letter == "\n" for letter in text)
        assert max(map(len, text.splitlines())) < 400


@pytest.mark.parametrize(
    "answer",
    [
        redirect(b"gopher://\x1b[31mred/" + b"x" * 9000),
        b"HTTP/1.1 \x1b[31mred\x1b[0m" + b"x" * 9000 + b"\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n\x1b[31mred" + b"x" * 9000 + b"\r\n",
    ],
)
def test_nor_can_any_other_part_of_its_answer(server, tmp_path, caplog, answer):
    server.answers["good"] = raw(answer)
    with pytest.raises(FetchError) as caught, caplog.at_level(logging.INFO):
        fetch_dataset(make_dataset(server.source()), tmp_path, **{**FAST, "retries": 0})
    for text in (str(caught.value), caplog.text):
        assert all(letter.isprintable() or letter == "\n" for letter in text)
        assert max(map(len, text.splitlines())) < 900


def test_reasons_are_one_printable_line():
    assert cleaned(RUDE).startswith("red bell reversed xxx") and len(cleaned(RUDE)) == 600
    assert cleaned("a\n\n b\t\x00c") == "a b c"
    assert cleaned("x" * 10, 9) == "xxxxxx..." and cleaned("x" * 9, 9) == "x" * 9
    assert str(SourceError("two\nlines")) == "two lines"
    # Sequences that do not end, and letters beyond ASCII.
    assert cleaned("\x1b]0;endless") == "" and cleaned("Größe 2 × 3 \x1b") == "Größe 2 × 3"


def test_a_compressed_answer_that_never_ends_is_cut(server, tmp_path):
    server.answers["good"] = drip_raw(
        OK + b"\r\n" + gzip.compress(b"x")[:10], b"\x00" * 1000, 12, 0
    )
    start = time.monotonic()
    with pytest.raises(FetchError):
        fetch_dataset(make_dataset(server.source("gzip")), tmp_path, **{**FAST, "retries": 0})
    assert time.monotonic() - start < 10 and leftovers(tmp_path) == []
