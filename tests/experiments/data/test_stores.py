"""Stores of images: what was written comes back, in bounded memory, or one error names the file."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import time

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from experiments.data.stores import StoredImages, StoreError, StoreWriter

SHAPE = (3, 4, 5)
PER_SHARD = 7
SHARD_BYTES = PER_SHARD * 3 * 4 * 5 + 10  # not a multiple of an image


EMPTY = json.dumps({"shape": [3, 4, 5], "facts": {}, "counts": [], "digests": []})


def some_images(n: int, shape=SHAPE) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(n)
    images = torch.randint(0, 256, (n, *shape), generator=generator).to(torch.uint8)
    return images, torch.arange(n) % 5


def write(folder, images, labels, batch=4, shard_bytes=SHARD_BYTES):
    with StoreWriter(folder, {"class_names": ["a", "b"]}, shard_bytes) as store:
        for start in range(0, len(images), batch):
            store.append(images[start : start + batch], labels[start : start + batch])
    return StoredImages(folder)


@pytest.fixture(scope="module")
def module_store(tmp_path_factory):
    images, labels = some_images(31)
    return images, labels, write(tmp_path_factory.mktemp("store") / "s", images, labels)


@pytest.fixture
def store(tmp_path):
    return write(tmp_path / "store", *some_images(31))


@pytest.mark.parametrize("batch", [1, 4, 31])
@pytest.mark.parametrize("n", [1, 7, 14, 31])
def test_what_was_written_comes_back(tmp_path, n, batch):
    images, labels = some_images(n)
    store = write(tmp_path, images, labels, batch)
    assert len(store) == n and store.shape == SHAPE and store.facts == {"class_names": ["a", "b"]}
    assert torch.equal(store.labels, labels) and store.labels.dtype == torch.int64
    assert torch.equal(store.__getitems__(range(n)), images)
    store.verify()


def test_the_files_are_plain_shards_of_bounded_size(store):
    images, labels = some_images(31)
    names = sorted(os.listdir(store.folder))
    assert names == [*(f"{number:05}.safetensors" for number in range(5)), "index.json"]
    start = 0
    for name in names[:-1]:
        shard = load_file(store.folder / name)
        n = len(shard["images"])
        assert shard["images"].nbytes <= SHARD_BYTES and n == min(PER_SHARD, 31 - start)
        assert torch.equal(shard["images"], images[start : start + n])
        assert torch.equal(shard["labels"], labels[start : start + n])
        start += n
    index = json.loads((store.folder / "index.json").read_text())
    assert index["counts"] == [7, 7, 7, 7, 3] and index["shape"] == list(SHAPE)


def test_a_shard_holds_at_least_one_image(tmp_path):
    images, labels = some_images(3)
    assert torch.equal(
        write(tmp_path, images, labels, shard_bytes=1).__getitems__([2, 0]), images[[2, 0]]
    )


@settings(max_examples=200)
@given(st.lists(st.integers(0, 30), max_size=40))
def test_any_indices_in_any_order(module_store, indices):
    images, _, store = module_store
    assert torch.equal(store.__getitems__(indices), images[indices])
    assert torch.equal(
        store.__getitems__(torch.tensor(indices, dtype=torch.int64)), images[indices]
    )
    assert len(store._mapped) <= 2


@given(st.integers(0, 30), st.integers(0, 31))
def test_runs_across_shards(module_store, start, n):
    images, _, store = module_store
    stop = min(start + n, 31)
    assert torch.equal(store.__getitems__(range(start, stop)), images[start:stop])


@pytest.mark.parametrize("indices", [[31], [-1], [0, 31]])
def test_indices_out_of_range(store, indices):
    with pytest.raises(IndexError, match="of a store of 31"):
        store.__getitems__(indices)


@pytest.mark.parametrize("shard_bytes", [SHARD_BYTES, 1 << 20])
def test_batches_are_copies(tmp_path, shard_bytes):
    images, labels = some_images(31)
    store = write(tmp_path, images, labels, shard_bytes=shard_bytes)
    for indices in (range(5), [3, 1], [2]):
        store.__getitems__(indices).zero_()
    assert torch.equal(store.__getitems__(range(31)), images)


def test_workers_map_shards_of_their_own(store):
    images, _ = some_images(31)
    store.__getitems__([0, 30])
    content = pickle.dumps(store)
    assert len(content) < 4000
    assert torch.equal(pickle.loads(content).__getitems__([30, 0]), images[[30, 0]])


def damage(store, what):
    path = store.folder / "00002.safetensors"
    shard = load_file(path)
    if what == "missing":
        path.unlink()
    elif what == "truncated":
        path.write_bytes(path.read_bytes()[:-40])
    elif what == "empty":
        path.write_bytes(b"")
    elif what == "count":
        save_file({"images": shard["images"][:-1].contiguous(), "labels": shard["labels"]}, path)
    elif what == "labels":
        save_file({"images": shard["images"], "labels": shard["labels"][:-1].contiguous()}, path)
    elif what == "dtype":
        save_file({"images": shard["images"].to(torch.int8), "labels": shard["labels"]}, path)
    else:
        save_file({"pixels": shard["images"]}, path)
    return path


@pytest.mark.parametrize(
    "what", ["missing", "truncated", "empty", "count", "labels", "dtype", "other tensors"]
)
def test_damaged_shards_are_named(store, what):
    path = damage(store, what)
    with pytest.raises(StoreError) as raised:
        StoredImages(store.folder)
    said = str(raised.value)
    assert said.startswith(f"{path} ") and "\n" not in said
    assert said.endswith(f": delete {store.folder} and run again")


def test_a_shard_that_vanishes_later_is_named(store):
    path = damage(store, "missing")
    with pytest.raises(StoreError, match=f"{path} is missing"):
        store.__getitems__([15])


def test_changed_pixels_are_found(store):
    path = store.folder / "00001.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1  # the tensors are stored by size of their type: the pixels are last
    path.write_bytes(content)
    with pytest.raises(StoreError, match=f"{path} does not hold the pixels that were written"):
        StoredImages(store.folder).verify()


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"shape": [3]}', EMPTY])
def test_a_folder_without_an_index_is_no_store(store, content):
    path = store.folder / "index.json"
    path.unlink()
    if content is not None:
        path.write_text(content)
    with pytest.raises(StoreError) as raised:
        StoredImages(store.folder)
    assert str(path) in str(raised.value) and "and run again" in str(raised.value)


def test_an_interrupted_writer_leaves_no_store_and_the_next_one_none_of_it(store):
    images, labels = some_images(9)
    with pytest.raises(KeyboardInterrupt), StoreWriter(store.folder, {}, SHARD_BYTES) as writer:
        writer.append(images, labels)
        raise KeyboardInterrupt
    with pytest.raises(StoreError, match="the store is incomplete"):
        StoredImages(store.folder)
    (store.folder / ".00007.safetensors.part").touch()  # of a killed process
    assert len(write(store.folder, images[:1], labels[:1])) == 1
    assert sorted(os.listdir(store.folder)) == ["00000.safetensors", "index.json"]


def test_the_writer_refuses_other_batches(tmp_path):
    images, labels = some_images(4)
    with StoreWriter(tmp_path, {}) as writer:
        writer.append(images, labels)
        for wrong, said in (
            (images.float(), "uint8"),
            (images[:, 0], "uint8"),
            (images[:, :2], r"shape \(2, 4, 5\) in a store of shape \(3, 4, 5\)"),
        ):
            with pytest.raises(ValueError, match=said):
                writer.append(wrong, labels)
        with pytest.raises(ValueError, match="4 images but labels"):
            writer.append(images, labels[:3])
    assert len(StoredImages(tmp_path)) == 4
    with pytest.raises(ValueError, match="no images were added"), StoreWriter(tmp_path, {}):
        pass


def test_random_batches_of_a_small_store_are_fast(tmp_path):
    images = torch.zeros((60_000, 1, 28, 28), dtype=torch.uint8)  # as large as Fashion-MNIST
    store = write(tmp_path, images, torch.zeros(60_000), 60_000, 128 << 20)
    seconds = []
    for _ in range(50):
        indices = torch.randint(0, 60_000, (128,)).tolist()
        start = time.perf_counter()
        store.__getitems__(indices)
        seconds.append(time.perf_counter() - start)
    # The median was 0.15 to 0.6 ms, depending on the load of the machine.
    assert sorted(seconds)[25] < 3e-3


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="needs Linux's /proc")
def test_reading_a_store_needs_the_memory_of_two_shards(tmp_path):
    # 150 MiB in shards of 8 MiB, read in order and then in batches from all over.
    images = torch.zeros((200, 3, 256, 256), dtype=torch.uint8)
    with StoreWriter(tmp_path, {}, 8 << 20) as store:
        for _ in range(4):
            store.append(images, torch.zeros(200))
    code = (
        "import re, sys, torch\n"
        "from experiments.data.stores import StoredImages\n"
        "def peak():\n"
        "    status = open('/proc/self/status').read()\n"
        "    return int(re.search(r'VmHWM:\\s+(\\d+) kB', status)[1]) / 1024\n"
        "store, start = StoredImages(sys.argv[1]), peak()\n"
        "batches = list(torch.arange(len(store)).split(32))\n"
        "batches += list(torch.randperm(len(store)).split(32))[:4]\n"
        "brightest = max(int(store.__getitems__(batch).max()) for batch in batches)\n"
        "print(len(store), brightest, peak() - start)\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.getcwd()},
    )
    n_images, brightest, megabytes = said.stdout.split()
    assert (n_images, brightest) == ("800", "0")
    # Two shards of 8 MiB, a batch of 6 MiB and its copy come to 28 MiB.
    assert float(megabytes) < 70
