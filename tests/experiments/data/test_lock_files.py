"""Files without a published digest: the first download is recorded, and holds from then on."""

from __future__ import annotations

import hashlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml

from experiments.data.catalogue import (
    CatalogueError,
    DataFile,
    DigestError,
    find_problem,
    load_catalogue,
    load_dataset,
    read_verified,
)
from experiments.data.fetch import FetchError, fetch_dataset
from experiments.data.lock_files import LockError, load_lock, record
from tests.experiments.data.helpers import (
    DESCRIBED,
    FAST,
    GOOD,
    OTHER,
    altered,
    body,
    leftovers,
    make_dataset,
    status,
)

RECORD = {"size": 1, "sha256": "0" * 64, "source": "x", "date": "2026-01-01"}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def entry(server, tmp_path):
    """Write an entry of two locked files and one with a digest; return its path."""
    folder = tmp_path / "datasets"
    folder.mkdir()
    path = folder / "nets.yaml"
    files = [{"name": name, "locked": True} for name in ("good", "other")]
    files.append({"name": "known", "size": 1, "sha256": sha256(b"K")})
    address = f"http://127.0.0.1:{server.server_port}/{{name}}"
    path.write_text(
        yaml.safe_dump({**DESCRIBED, "mirror": "m", "sources": [{"url": address}], "files": files})
    )
    server.answers = {"good": body(GOOD), "other": body(OTHER), "known": body(b"K")}
    return path


def lock_of(entry):
    return entry.with_name("nets.lock.json")


def test_the_first_download_is_recorded(server, entry, tmp_path):
    dataset = load_dataset(entry)
    assert dataset.digests["good"] == "locked:not recorded yet" and not lock_of(entry).exists()
    fetched = fetch_dataset(dataset, tmp_path / "out", **FAST)
    content = json.loads(lock_of(entry).read_text())["files"]
    assert list(content) == ["good", "other"]
    assert (content["good"]["size"], content["good"]["sha256"]) == (len(GOOD), sha256(GOOD))
    assert content["good"]["source"] == f"url http://127.0.0.1:{server.server_port}/good"
    assert leftovers(entry.parent) == ["nets.lock.json", "nets.yaml"]
    # Whoever reads the entry now depends on what was recorded.
    again = load_dataset(entry)
    assert again.digests["good"] == f"sha256:{sha256(GOOD)}" == fetched[0].digest
    assert load_catalogue(entry.parent)["nets"] == again
    assert read_verified(tmp_path / "out" / "good", again.file("good")) == GOOD
    before = lock_of(entry).read_bytes()
    server.requests.clear()
    fetch_dataset(again, tmp_path / "out", **FAST)
    assert server.requests == [] and lock_of(entry).read_bytes() == before


def test_another_content_later_is_an_error(server, entry, tmp_path):
    fetch_dataset(load_dataset(entry), tmp_path / "out", **FAST)
    before = lock_of(entry).read_bytes()
    for other in (altered(GOOD), GOOD + b"longer", b"short"):
        server.answers["good"] = body(other)
        with pytest.raises(FetchError) as caught:
            fetch_dataset(load_dataset(entry), tmp_path / "new", **FAST)
        said = str(caught.value)
        assert sha256(GOOD) in said and sha256(other) in said and str(lock_of(entry)) in said
        assert "delete its record there and fetch again" in said
        assert leftovers(tmp_path / "new") == ["known", "other"]
    path, file = tmp_path / "out" / "good", load_dataset(entry).file("good")
    path.write_bytes(altered(GOOD))
    assert sha256(GOOD) in find_problem(path, file)
    with pytest.raises(DigestError, match=rf"{sha256(altered(GOOD))}, but .*nets\.lock\.json"):
        read_verified(path, file)
    assert lock_of(entry).read_bytes() == before
    # As the error says.
    content = json.loads(lock_of(entry).read_text())
    del content["files"]["good"]
    lock_of(entry).write_text(json.dumps(content))
    fetch_dataset(load_dataset(entry), tmp_path / "new", **FAST)
    assert (tmp_path / "new" / "good").read_bytes() == b"short"
    assert load_dataset(entry).digests["good"] == f"sha256:{sha256(b'short')}"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (body(b""), "it is empty"),
        (body(b"\n <!DOCTYPE html><title>Log in"), "it is a web page"),
        (body(b"<html>Log in to the network</html>"), "it is a web page"),
        (status(404), "HTTP 404"),
    ],
)
def test_an_answer_that_is_no_file_is_not_recorded(server, entry, tmp_path, answer, said):
    server.answers["good"] = answer
    with pytest.raises(FetchError, match=said) as caught:
        fetch_dataset(load_dataset(entry), tmp_path, **FAST)
    assert f"good: any content, which {lock_of(entry)} will record" in str(caught.value)
    assert list(load_lock(lock_of(entry)).records) == ["other"]


def test_a_file_put_there_by_hand_is_recorded(server, entry, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "good").write_bytes(GOOD)
    (tmp_path / "out" / "other").write_bytes(b"<html>")
    fetched = fetch_dataset(load_dataset(entry), tmp_path / "out", **FAST)
    assert fetched[0].source == "already present" and "/good" not in server.requests
    assert load_lock(lock_of(entry)).records["good"].source == "put in place by hand"
    assert (tmp_path / "out" / "other").read_bytes() == OTHER


def test_the_folder_of_a_mirror_is_not_recorded(entry, tmp_path, monkeypatch):
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "good").write_bytes(GOOD)
    monkeypatch.setenv("XGRADIENT_MIRROR", str(tmp_path / "mirror"))
    fetched = fetch_dataset(load_dataset(entry), tmp_path / "out", **FAST)
    assert fetched[0].source == f"mirror {tmp_path / 'mirror' / 'good'}"
    assert load_lock(lock_of(entry)).records["good"].source == "mirror"


def test_without_a_record_nothing_is_verified(entry, tmp_path):
    (tmp_path / "good").write_bytes(GOOD)
    file = load_dataset(entry).file("good")
    assert "no download has been recorded yet" in find_problem(tmp_path / "good", file)
    with pytest.raises(DigestError, match="no download has been recorded yet"):
        read_verified(tmp_path / "good", file)


def test_a_lock_file_that_cannot_be_written_stops_before_any_download(server, entry, tmp_path):
    dataset = load_dataset(entry)
    # Unlike a read-only folder, one that is gone stops an administrator, too.
    entry.parent.rename(tmp_path / "moved")
    with pytest.raises(FetchError, match=r"nets\.lock\.json cannot be written: .*make the folder"):
        fetch_dataset(dataset, tmp_path / "out", **FAST)
    assert server.requests == [] and leftovers(tmp_path / "out") == []


def test_a_full_lock_file_need_not_be_written(server, entry, tmp_path, monkeypatch):
    fetch_dataset(load_dataset(entry), tmp_path / "out", **FAST)

    def refuse(path):
        raise LockError("written")

    monkeypatch.setattr("experiments.data.fetch.check_writable", refuse)
    fetch_dataset(load_dataset(entry), tmp_path / "new", **FAST)
    assert (tmp_path / "new" / "good").read_bytes() == GOOD


def test_a_lock_file_that_cannot_be_read_is_one_line(entry):
    lock_of(entry).mkdir()
    with pytest.raises(CatalogueError, match=r"nets\.lock\.json cannot be read: "):
        load_dataset(entry)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "not valid JSON"),
        ("[]", "must be a mapping"),
        ('{"files": {"good": {"size": 3}}}', r"files\.good\.sha256 is missing"),
        (
            json.dumps({"files": {"known": RECORD}}),
            "records known, which is not a locked file of nets",
        ),
    ],
)
def test_a_damaged_lock_file_is_one_line(entry, content, said):
    lock_of(entry).write_text(content)
    with pytest.raises(CatalogueError, match=said) as caught:
        load_dataset(entry)
    assert str(caught.value).startswith(str(lock_of(entry))) and "\n" not in str(caught.value)


def test_concurrent_first_downloads_agree(server, entry, tmp_path):
    """Each process gets other bytes: one is recorded and published, the others are told."""
    together, count = threading.Barrier(4), iter(range(100))
    lock = threading.Lock()

    def answer(handler):
        together.wait(10)
        with lock:
            number = next(count)
        body(GOOD + bytes([number]))(handler)

    server.answers["good"] = answer
    dataset = load_dataset(entry)
    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(fetch_dataset, dataset, tmp_path / "out", **FAST) for _ in range(4)]
    errors = [call.exception() for call in calls if call.exception() is not None]
    assert len(errors) == 3
    assert all("not those of the first download" in str(error) for error in errors)
    content = (tmp_path / "out" / "good").read_bytes()
    assert load_lock(lock_of(entry)).records["good"].sha256 == sha256(content)
    assert leftovers(tmp_path / "out") == ["good", "known", "other"]
    assert leftovers(entry.parent) == ["nets.lock.json", "nets.yaml"]


def test_concurrent_records_of_different_files_are_all_kept(tmp_path):
    names = [f"file_{number}" for number in range(20)]
    for name in names:
        (tmp_path / name).write_text(name)
    with ThreadPoolExecutor(8) as pool:
        calls = [
            pool.submit(record, tmp_path / "x.lock.json", name, tmp_path / name, "here")
            for name in names
        ]
    assert all(call.result().records for call in calls)
    records = load_lock(tmp_path / "x.lock.json").records
    assert {name: found.sha256 for name, found in records.items()} == {
        name: sha256(name.encode()) for name in names
    }


def test_a_data_set_without_a_lock_file_cannot_be_locked(server, tmp_path):
    server.answers["good"] = body(GOOD)
    dataset = make_dataset(server.source(), files=(DataFile(name="good", locked=True),))
    with pytest.raises(FetchError, match="no lock file; read it with load_dataset"):
        fetch_dataset(dataset, tmp_path, **FAST)
    assert leftovers(tmp_path) == []
