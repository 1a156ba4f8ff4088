"""Which image files make a split."""

from __future__ import annotations

import zipfile

import pytest

from experiments.data.catalogue import Dataset
from experiments.data.image_files import list_images
from experiments.data.label_spaces import IMAGENET_CLASSES
from tests.experiments.data.image_helpers import make_tree

ENTRY = {
    "title": "Animals",
    "homepage": "https://example.org",
    "licence": "CC0-1.0",
    "citation": "Made by a test.",
    "sources": [],
    "files": [],
}
FOLDERS = {
    "splits": {"train": "train", "test": "val"},
    "classes": {"a": "ant", "b": "bee"},
    "outputs": {"imagenet": [310, 309]},
    "counts": {"train": 20, "test": 6},
}
OPTIONS = {"validation_images": 4, "limit_images": None, "seed": 3}


def dataset(**parts):
    return Dataset.model_validate({"name": "animals", **ENTRY, **parts})


@pytest.fixture
def tree(tmp_path):
    make_tree(tmp_path / "animals/train", {"a": 10, "b": 10})
    make_tree(tmp_path / "animals/val", {"a": 3, "b": 3})
    return tmp_path / "animals"


def listed(entry, folder, split, **options):
    return list_images(entry, folder, split, **{**OPTIONS, **options})


def test_training_and_validation_images_are_a_stratified_partition(tree):
    entry = dataset(images=FOLDERS)
    (root, train, facts), (_, held_out, _) = (
        listed(entry, tree, split) for split in ("train", "validation")
    )
    assert root == tree / "train" and (len(train), len(held_out)) == (16, 4)
    assert not {name for name, _ in train} & {name for name, _ in held_out}
    assert sorted(label for _, label in held_out) == [0, 0, 1, 1]
    # In the order of the classes, and the same again.
    assert [label for _, label in train] == sorted(label for _, label in train)
    assert listed(entry, tree, "train")[1] == train != listed(entry, tree, "train", seed=4)[1]
    assert facts["class_names"] == ["ant", "bee"] and facts["label_space"] == "animals"
    assert facts["outputs"] == {"imagenet": (310, 309)} and facts["sorted_by_class"]


def test_a_split_that_is_not_possible_names_its_setting(tree):
    with pytest.raises(ValueError, match=r"train: 20 of 20 images .*; change validation_images"):
        listed(dataset(images=FOLDERS), tree, "train", validation_images=20)


def test_test_images_are_the_official_ones(tree):
    root, rows, facts = listed(dataset(images=FOLDERS), tree, "test")
    assert root == tree / "val" and len(rows) == 6 and facts["split"] == "test"


def test_a_limit_takes_images_of_all_classes_and_forgives_missing_ones(tree):
    (tree / "val/b").joinpath(sorted(p.name for p in (tree / "val/b").iterdir())[0]).unlink()
    entry = dataset(images=FOLDERS)
    with pytest.raises(ValueError, match=r"holds 5 images instead of the 6 declared"):
        listed(entry, tree, "test")
    _, rows, _ = listed(entry, tree, "test", limit_images=3)
    assert [label for _, label in rows] == [0, 0, 1]
    assert len(listed(entry, tree, "train", limit_images=4)[1]) == 4
    assert len(listed(entry, tree, "validation", limit_images=2)[1]) == 4


def test_an_archive_is_unpacked_once(tree, tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    with zipfile.ZipFile(folder / "animals.zip", "w") as archive:
        for path in sorted(tree.rglob("*.*")):
            archive.write(path, f"animals/{path.relative_to(tree)}")
    file = {"name": "animals.zip", "size": 1, "sha256": "0" * 64}
    images = {**FOLDERS, "archive": "animals.zip", "root": "animals"}
    entry = dataset(images=images, files=[file], mirror="animals")
    root, rows, _ = listed(entry, folder, "test")
    assert root == folder / "unpacked/val" and len(rows) == 6
    (folder / "animals.zip").unlink()
    assert listed(entry, folder, "test")[1] == rows


def test_listed_files_have_labels_of_another_data_set(tmp_path):
    files = [{"name": f"{n}.jpg", "size": 1, "sha256": f"{n}" * 64} for n in range(3)]
    images = {"outputs": "imagenet", "labelled": {"0.jpg": 22, "1.jpg": 7, "2.jpg": 22}}
    entry = dataset(images=images, files=files, mirror="animals")
    root, rows, facts = listed(entry, tmp_path, "test")
    assert root == tmp_path and rows == [("1.jpg", 7), ("0.jpg", 22), ("2.jpg", 22)]
    assert facts["label_space"] == "imagenet" and len(facts["class_names"]) == IMAGENET_CLASSES
    assert (facts["class_names"][7], facts["class_names"][22]) == ("cock", "bald eagle")
