"""Images decoded from their files, and stores built from them by worker processes."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
import torch
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from experiments.data.archives import unpack
from experiments.data.catalogue import load_dataset
from experiments.data.decoding import ImageFileError
from experiments.data.file_images import FileImages, build_store
from experiments.data.folders import class_folders, class_names, scan_folder
from experiments.data.image_sections import Folders
from experiments.data.index import read_index, write_index
from experiments.data.preprocessing import Preprocessing
from experiments.data.stores import StoredImages, StoreError
from tests.experiments.data.image_helpers import IMAGENET, SMALL, make_tree, noise

MIRROR = os.environ.get("XGRADIENT_MIRROR", "")  # before the tests of this folder unset it
LAYOUT = Folders(splits={"test": "val"})
VIEW = v2.Compose([v2.Resize(10), v2.CenterCrop(8), v2.PILToTensor()])


@pytest.fixture
def folder(tmp_path):
    make_tree(tmp_path / "val", {"bird": 21, "cat": 9, "ant": 11})
    return tmp_path / "val"


@pytest.fixture
def index(tmp_path, folder):
    rows = scan_folder(folder, LAYOUT, "test")
    write_index(tmp_path / "test.csv", rows, folder, {"class_names": ["ant", "bird", "cat"]})
    return read_index(tmp_path / "test.csv")


def test_images_are_those_of_torchvision(folder, index):
    files, reference = FileImages(index, SMALL), ImageFolder(folder, transform=VIEW)
    assert len(files) == len(reference) == 41
    assert files.labels.tolist() == reference.targets
    chosen = [40, 3, 3, 17]
    expected = torch.stack([reference[position][0] for position in chosen])
    assert torch.equal(files.__getitems__(chosen), expected)
    assert torch.equal(files.__getitems__(torch.tensor(chosen)), expected)
    assert files.__getitems__([]).shape == (0, 3, 8, 8)
    whole = ImageFolder(folder, transform=v2.PILToTensor())[12][0]
    assert torch.equal(files.read(12), whole) and whole.shape == (3, 11, 14)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_store_holds_the_views_in_order(tmp_path, folder, index, workers):
    files, seen = FileImages(index, SMALL), []

    def progress(batches):
        for batch in batches:
            seen.append(len(batch))
            yield batch

    store = build_store(
        files, tmp_path / "store", {"dataset": "pets"}, workers, progress, shard_bytes=5000
    )
    expected = torch.stack([image for image, _ in ImageFolder(folder, transform=VIEW)])
    assert torch.equal(store.__getitems__(range(41)), expected)
    assert torch.equal(store.labels, files.labels)
    assert store.facts == {
        "class_names": ["ant", "bird", "cat"],
        "dataset": "pets",
        "view": "10-8",
        "exif_orientation": "ignored",
    }
    assert sum(seen) == 41 and max(seen) <= 16
    store.verify()


@pytest.mark.parametrize("workers", [0, 2])
def test_a_damaged_file_is_one_clear_error_and_no_store(tmp_path, index, workers):
    path = index.path(23)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ImageFileError) as raised:
        build_store(FileImages(index, SMALL), tmp_path / "store", {}, workers)
    said = str(raised.value)
    assert said.startswith(f"{path} cannot be read as an image: ") and "\n" not in said
    with pytest.raises(StoreError, match="the store is incomplete"):
        StoredImages(tmp_path / "store")


def test_images_of_different_sizes_need_a_crop(index):
    files = FileImages(index, Preprocessing(SMALL.mean, SMALL.std))
    assert files.__getitems__([2]).shape == (1, 3, 11, 15)
    with pytest.raises(ImageFileError, match=r"003.png: 16 × 11 pixels after 15 × 11 of .*002.png"):
        files.__getitems__([2, 3])


def test_the_rotation_of_cameras_is_recorded(tmp_path, index):
    image, path = noise(16, 8), index.path(0)
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(path, exif=exif)
    upright = FileImages(index, SMALL, orient=True)
    assert FileImages(index, SMALL).read(0).shape == (3, 8, 16)
    assert upright.read(0).shape == (3, 16, 8)
    store = build_store(upright, tmp_path / "store", {})
    assert store.facts["exif_orientation"] == "applied"
    assert torch.equal(store.__getitems__([0]), upright.__getitems__([0]))
    assert not torch.equal(store.__getitems__([0]), FileImages(index, SMALL).__getitems__([0]))


def test_workers_receive_a_copy(index):
    files = pickle.loads(pickle.dumps(FileImages(index, SMALL)))
    assert torch.equal(files.__getitems__([5]), FileImages(index, SMALL).__getitems__([5]))


def test_photographs_of_the_subset(root, tmp_path):
    """With the archive in the mirror: all that the entry declares, and views as the files are."""
    dataset = load_dataset(root / "workflow" / "datasets" / "imagenette_subset.yaml")
    layout, archive = dataset.images, subset_archive(dataset)
    tree = unpack(archive, tmp_path / "tree", layout.root)
    assert len(scan_folder(tree / layout.splits["train"], layout, "train")) == 4500
    folder = tree / layout.splits["test"]
    rows = scan_folder(folder, layout, "test")
    names = class_names(class_folders(folder, layout), layout)
    write_index(tmp_path / "test.csv", rows, folder, {"class_names": names})
    files = FileImages(read_index(tmp_path / "test.csv").select(range(0, 1100, 40)), IMAGENET)
    views = files.__getitems__(range(len(files)))
    assert views.shape == (28, 3, 224, 224)
    for position, image in enumerate(views):
        assert torch.equal(files.read(position), image)


def subset_archive(dataset):
    mirror = Path(MIRROR)
    for path in (mirror / dataset.mirror / dataset.images.archive, mirror / dataset.images.archive):
        if path.is_file():
            return path
    pytest.skip(f"{dataset.images.archive} is not in the mirror")


def test_images_whose_folder_is_gone_are_fetched_again_by_one_command(tmp_path):
    gone = tmp_path / "data" / "tiny" / "unpacked"
    facts = {"dataset": "tiny", "class_names": ["a"], "label_space": "tiny"}
    write_index(tmp_path / "test.csv", [("a.png", 0)], gone, facts)
    said = rf"{gone} is missing, whose .* run snakemake --cores all --force {tmp_path}/test\.csv$"
    with pytest.raises(ImageFileError, match=said):
        FileImages(read_index(tmp_path / "test.csv"), IMAGENET)
