"""Scanning of image folders: the order of torchvision, and every mistake as one clear error."""

from __future__ import annotations

import logging
import os

import pytest
from torchvision.datasets import ImageFolder

from experiments.data.folders import FolderError, class_folders, class_names, scan_folder
from experiments.data.image_sections import Folders

ANY = Folders(splits={"train": "train"})
PETS = Folders(
    splits={"train": "train", "test": "val"},
    classes={"n00000001": "cat", "n00000002": "dog"},
    wordnet=True,
    counts={"train": 3},
)


@pytest.fixture
def pets(tmp_path):
    for name in ("n00000001/b.JPEG", "n00000001/a.jpg", "n00000002/c.png"):
        add(tmp_path, name)
    return tmp_path


def add(folder, name, content=b"pixels"):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


def refusal(folder, layout=PETS, **options):
    with pytest.raises(FolderError) as raised:
        scan_folder(folder, layout, "train", **options)
    said = str(raised.value)
    assert str(folder) in said and "\n" not in said
    return said


def test_rows_are_relative_paths_and_labels(pets):
    rows = [("n00000001/a.jpg", 0), ("n00000001/b.JPEG", 0), ("n00000002/c.png", 1)]
    assert scan_folder(pets, PETS, "train") == rows
    assert class_names(class_folders(pets, PETS), PETS) == ["cat", "dog"]
    assert class_names(class_folders(pets, ANY), ANY) == ["n00000001", "n00000002"]


def test_the_order_is_that_of_torchvision(tmp_path):
    names = "b/10.jpg b/9.JPG B/x.PNG b/inner/z.webp b/inner-2/a.bmp b/inner/deep/y.tiff b/Z.jpeg"
    for name in [*names.split(), "é/ü.jpg", "a b/c d.ppm", "10/1.pgm", "9/1.tif", "9/notes.txt"]:
        add(tmp_path, name)
    (tmp_path / "linked").symlink_to(tmp_path / "9")
    (tmp_path / "9" / "2.jpg").symlink_to(tmp_path / "10" / "1.pgm")
    expected = [
        (os.path.relpath(path, tmp_path), label) for path, label in ImageFolder(tmp_path).samples
    ]
    assert len(expected) == 14
    assert scan_folder(tmp_path, ANY, "train") == expected


def test_hidden_files_are_ignored_and_others_are_counted(pets, caplog):
    for name in (".DS_Store", "._a.JPEG", "Thumbs.db", "desktop.ini", "README.txt", "list"):
        add(pets, f"n00000001/{name}", b"")
    add(pets, ".hidden/a.jpg")
    add(pets, "README.txt")
    with caplog.at_level(logging.INFO):
        assert len(scan_folder(pets, PETS, "train")) == 3
    assert f"{pets}: 2 files that are not images are left out" in caplog.messages


def test_missing_folders(tmp_path):
    assert "does not exist: it must hold one folder" in refusal(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    assert "is not a folder" in refusal(tmp_path / "file")
    assert "holds no class folders" in refusal(tmp_path)


def test_other_classes_are_named_up_to_ten(pets):
    for number in range(3, 15):
        add(pets, f"n{number:08}/a.jpg")
    os.rename(pets / "n00000002", pets / "n00000020")
    said = refusal(pets)
    assert "not the 2 declared ones; missing: n00000002; unexpected: n00000003, n0" in said
    assert "n00000012 and 3 more" in said and "n00000013" not in said


def test_names_and_number_of_undeclared_classes(pets):
    layout = Folders(splits={"train": "train"}, n_classes=3, wordnet=True)
    assert "holds 2 class folders instead of 3" in refusal(pets, layout)
    add(pets, "n123/a.jpg")
    assert "named by WordNet ids such as n01440764, but there are n123." in refusal(pets, layout)


def test_the_flat_validation_folder_of_imagenet_is_explained(tmp_path):
    for number in range(1, 4):
        add(tmp_path, f"ILSVRC2012_val_{number:08}.JPEG")
    said = refusal(tmp_path)
    assert "3 validation images of ILSVRC2012 lie directly in the folder" in said
    for needed in ("ILSVRC2012_validation_ground_truth.txt", "meta.mat", "one folder per class"):
        assert needed in said
    add(tmp_path, "n00000001/a.jpg")  # sorted in part
    assert "3 validation images" in refusal(tmp_path)


def test_classes_without_images(pets):
    (pets / "n00000002" / "c.png").rename(pets / "n00000002" / "c.txt")
    assert "there are no images in the class folders n00000002" in refusal(pets)
    rows = scan_folder(pets, ANY, "train", allow_fewer=True)
    assert [label for _, label in rows] == [0, 0]
    for path in pets.glob("n00000001/*"):
        path.unlink()
    assert "n00000001, n00000002" in refusal(pets, ANY, allow_fewer=True)


def test_empty_files_are_named(pets):
    add(pets, "n00000001/a.jpg", b"")
    said = refusal(pets)
    assert f"1 files have no content: {pets / 'n00000001' / 'a.jpg'}" in said


def test_counts(pets):
    add(pets, "n00000002/d.png")
    assert "holds 4 images instead of the 3 declared for the train split" in refusal(pets)
    assert "4 images instead of the 3" in refusal(pets, allow_fewer=True)
    assert len(scan_folder(pets, PETS, "test")) == 4  # no count declared
    for name in "ab":
        next((pets / "n00000001").glob(f"{name}*")).rename(pets / f"{name}.jpg")
    add(pets, "n00000001/only.jpg")
    (pets / "n00000002" / "d.png").unlink()
    assert "holds 2 images instead of the 3" in refusal(pets)
    assert len(scan_folder(pets, PETS, "train", allow_fewer=True)) == 2


def test_links_that_lead_nowhere_or_round_in_circles(pets):
    link = pets / "n00000001" / "z.jpg"
    link.symlink_to(pets / "gone.jpg")
    assert f"{link} is a link to a file that does not exist" in refusal(pets)
    link.unlink()
    (pets / "n00000001" / "inner").symlink_to(pets / "n00000001")
    assert "is a link to a folder above it" in refusal(pets)
