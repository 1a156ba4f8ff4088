"""Images of any source in the space of a network."""

from __future__ import annotations

import pickle

import pytest
import torch

from experiments.data.file_images import FileImages
from experiments.data.folders import scan_folder
from experiments.data.image_sections import Folders
from experiments.data.index import read_index, write_index
from experiments.data.network_images import NetworkImages
from experiments.data.preprocessing import Preprocessing
from experiments.data.stores import StoredImages, StoreWriter
from experiments.data.tensors import ImageTensors, first_of_classes, loader
from tests.experiments.data.image_helpers import SMALL, make_tree

N = 30
LABELS = torch.arange(N) // 10
OUTPUTS = torch.tensor([574, 0, 217])
CAFFE = Preprocessing((104.0, 117.0, 123.0), (1.0, 1.0, 1.0), "BGR", 255.0)


@pytest.fixture
def images():
    return torch.randint(0, 256, (N, 3, 8, 8)).to(torch.uint8)


@pytest.fixture
def store(tmp_path, images):
    with StoreWriter(tmp_path / "store", {}, shard_bytes=2000) as writer:
        writer.append(images, LABELS)
    return StoredImages(tmp_path / "store")


def test_batches_are_normalised_with_labels_among_the_outputs(store, images):
    data = NetworkImages(store, CAFFE, OUTPUTS)
    inputs, labels = data.__getitems__([25, 3, 11])
    assert inputs.dtype == torch.float32 and labels.dtype == torch.int64
    means = torch.tensor(CAFFE.mean).view(3, 1, 1)
    torch.testing.assert_close(inputs, images[[25, 3, 11]].flip(1).float() - means)
    assert labels.tolist() == [217, 574, 0]
    assert torch.equal(data.labels, OUTPUTS[LABELS]) and torch.equal(data.classes, LABELS)
    assert torch.equal(data.pixels([25, 3]), images[[25, 3]])
    one, label = data[11]
    assert torch.equal(one, inputs[2]) and int(label) == 0


def test_it_agrees_with_images_in_memory(store, images):
    data = NetworkImages(store, SMALL)
    reference = ImageTensors(images, LABELS, SMALL.mean, SMALL.std)
    assert len(data) == len(reference) and torch.equal(data.labels, reference.labels)
    for ours, theirs in zip(loader(data, 7), loader(reference, 7), strict=True):
        assert torch.equal(ours[0], theirs[0]) and torch.equal(ours[1], theirs[1])


def test_images_may_come_from_files(tmp_path):
    make_tree(tmp_path / "val", {"a": 2, "b": 3})
    rows = scan_folder(tmp_path / "val", Folders(splits={"test": "val"}), "test")
    write_index(tmp_path / "test.csv", rows, tmp_path / "val", {})
    files = FileImages(read_index(tmp_path / "test.csv"), SMALL)
    inputs, labels = NetworkImages(files, SMALL, torch.tensor([7, 1])).__getitems__(range(5))
    torch.testing.assert_close(inputs, files.__getitems__(range(5)) / 127.5 - 1)
    assert labels.tolist() == [7, 7, 1, 1, 1]


def test_the_first_image_of_each_class_is_found_by_the_data_sets_own_labels(store):
    data = NetworkImages(store, SMALL, OUTPUTS)
    assert first_of_classes(data, 2) == [0, 10]
    with pytest.raises(ValueError, match="images of 3 classes instead of 4: raise limit_images"):
        first_of_classes(data, 4)


def test_a_class_without_an_output_is_refused(store):
    with pytest.raises(ValueError, match=r"class 2 among the images, but .* for 2 classes"):
        NetworkImages(store, SMALL, OUTPUTS[:2])


def test_workers_receive_a_copy(store, images):
    data = pickle.loads(pickle.dumps(NetworkImages(store, SMALL, OUTPUTS)))
    assert torch.equal(data.pixels([5]), images[[5]])
