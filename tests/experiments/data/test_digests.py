"""Files and their digests: SHA-256, git blobs, and reading what was verified."""

from __future__ import annotations

import gzip

import pytest

from experiments.data import fetch as fetch_module
from experiments.data.catalogue import (
    DataFile,
    DigestError,
    find_problem,
    read_verified,
)
from experiments.data.fetch import FetchError, fetch_dataset
from tests.experiments.data.helpers import (
    FAST,
    GOOD,
    altered,
    body,
    declare,
    leftovers,
    make_dataset,
)


def test_digests_are_the_published_ones():
    # FIPS 180-2, appendix B.1; and `printf 'hello\n' | git hash-object --stdin`.
    abc = DataFile(
        name="abc",
        size=3,
        sha256="ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    )
    hello = DataFile(name="hello", size=6, git_blob="ce013625030ba8dba906f756967f9e9ca394464a")
    for file, content in ((abc, b"abc"), (hello, b"hello\n")):
        digest = file.new_hash(len(content))
        digest.update(content)
        assert file.mismatch(len(content), digest.hexdigest()) is None


def test_git_blobs_are_fetched_and_read(server, tmp_path):
    file = DataFile(name="hello", size=6, git_blob="ce013625030ba8dba906f756967f9e9ca394464a")
    server.answers["hello"] = body(b"hello\n")
    dataset = make_dataset(server.source(), files=(file,))
    (fetched,) = fetch_dataset(dataset, tmp_path, **FAST)
    assert fetched.digest == "git_blob:ce013625030ba8dba906f756967f9e9ca394464a"
    assert read_verified(tmp_path / "hello", file) == b"hello\n"
    (tmp_path / "hello").write_bytes(b"Hello\n")
    with pytest.raises(DigestError, match="git_blob"):
        read_verified(tmp_path / "hello", file)


HELLO = DataFile(name="hello", git_blob="ce013625030ba8dba906f756967f9e9ca394464a")


def test_git_blobs_need_no_size(server, tmp_path):
    server.answers["hello"] = body(b"hello\n", length="absent")
    dataset = make_dataset(server.source(), files=(HELLO,))
    (fetched,) = fetch_dataset(dataset, tmp_path, **FAST)
    assert fetched.size == 6 and read_verified(tmp_path / "hello", HELLO) == b"hello\n"
    assert find_problem(tmp_path / "hello", HELLO) is None
    # The size is part of what git hashes: neither more nor less will do.
    for wrong in (b"hello\n\n", b"hello", b"", b"Hello\n"):
        (tmp_path / "hello").write_bytes(wrong)
        assert "git_blob" in find_problem(tmp_path / "hello", HELLO)
        with pytest.raises(DigestError, match=f"expected {HELLO.digest}"):
            read_verified(tmp_path / "hello", HELLO)


# SHA-256 and MD5 of b"hello\n", as sha256sum and md5sum print them.
PREFIXED = DataFile(name="hello", sha256_prefix="5891b5b522d5")
MD5 = DataFile(name="hello", md5="b1946ac92492d2347c6235b4d2611184")


@pytest.mark.parametrize("file", [PREFIXED, MD5])
def test_digests_of_publishers_that_state_no_size(server, tmp_path, file):
    server.answers["hello"] = body(b"hello\n", length="absent")
    (fetched,) = fetch_dataset(make_dataset(server.source(), files=(file,)), tmp_path, **FAST)
    assert fetched.digest == file.digest and fetched.size == 6
    assert read_verified(tmp_path / "hello", file) == b"hello\n"
    for wrong in (b"hello", b"", b"Hello\n"):
        (tmp_path / "hello").write_bytes(wrong)
        assert "not the expected ones" in find_problem(tmp_path / "hello", file)
        with pytest.raises(DigestError, match=f"expected {file.digest}"):
            read_verified(tmp_path / "hello", file)


@pytest.mark.parametrize("content", [b"hello", b"hello\n\n", b"", GOOD])
def test_other_bytes_are_no_git_blob_of_unknown_size(server, tmp_path, content):
    server.answers["hello"] = body(content, length="absent")
    dataset = make_dataset(server.source(), files=(HELLO,))
    with pytest.raises(FetchError, match="the bytes are not the expected ones") as caught:
        fetch_dataset(dataset, tmp_path, **FAST)
    assert f"{tmp_path / 'hello'}: {HELLO.digest}" in str(caught.value)
    assert leftovers(tmp_path) == []


def test_a_file_of_unknown_size_is_read_only_so_far(server, tmp_path, monkeypatch):
    monkeypatch.setattr(fetch_module, "_LARGEST", 1000)
    server.answers["hello"] = body(gzip.compress(bytes(10**8), 1))
    dataset = make_dataset(server.source("gzip"), files=(HELLO,))
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


def test_an_unknown_file_is_named():
    with pytest.raises(KeyError, match="tiny has no file bad; it has good"):
        make_dataset().file("bad")
