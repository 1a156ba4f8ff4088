"""The images that a job is given: a store or an index, as a network takes them."""

from __future__ import annotations

import pytest
import torch

from experiments.data.augmentation import AugmentedImages
from experiments.data.file_images import FileImages, build_store
from experiments.data.index import read_index, write_index
from experiments.data.open_images import open_images, open_training_images, training_space
from experiments.data.preprocessing import Preprocessing
from experiments.data.stores import StoreWriter
from tests.experiments.data.image_helpers import make_tree

SMALL = Preprocessing((0.5,) * 3, (0.5,) * 3, resize=12, crop=8)
FACTS = {
    "dataset": "animals",
    "label_space": "animals",
    "outputs": {"imagenet": [7, 3]},
    "class_names": ["ant", "bee"],
    "sorted_by_class": True,
}


@pytest.fixture
def index(tmp_path):
    make_tree(tmp_path / "images", {"ant": 3, "bee": 2})
    rows = [
        (f"{name}/{path.name}", label)
        for label, name in enumerate(("ant", "bee"))
        for path in sorted((tmp_path / "images" / name).iterdir())
    ]
    path = tmp_path / "test.csv"
    write_index(path, rows, tmp_path / "images", FACTS)
    return path


@pytest.fixture
def store(index, tmp_path):
    build_store(FileImages(read_index(index), SMALL), tmp_path / "store", {})
    return tmp_path / "store"


def test_a_store_and_its_index_are_the_same_images(index, store):
    stored, read = (open_images(path, SMALL, "animals") for path in (store, index))
    for first, second in zip(
        stored.__getitems__(range(5)), read.__getitems__(range(5)), strict=True
    ):
        assert torch.equal(first, second)
    assert stored.labels.tolist() == [0, 0, 0, 1, 1]
    assert stored.class_names([4, 0]) == ["bee", "ant"]
    assert list(stored.choose(2)) == [0, 2] and stored.shape == (3, 8, 8)


def test_labels_are_outputs_of_the_network(store):
    data = open_images(store, SMALL, "imagenet")
    assert data.labels.tolist() == [7, 7, 7, 3, 3] and data.classes.tolist() == [0, 0, 0, 1, 1]


def test_classes_without_outputs_are_refused_with_what_to_do(store):
    with pytest.raises(ValueError, match=r"animals are not among .* for birds; .*outputs\.birds"):
        open_images(store, SMALL, "birds")


def test_image_files_are_cut_at_random_for_training_and_stores_are_not(index, store):
    cut = open_training_images(index, SMALL, "animals")
    assert isinstance(cut, AugmentedImages) and cut.__getitems__([0])[0].shape == (1, 3, 8, 8)
    whole = open_training_images(store, SMALL, "animals")
    assert torch.equal(whole.__getitems__([3])[0], open_images(store, SMALL, "animals")[3][0][None])
    with pytest.raises(ValueError, match="needs a preprocessing with a crop"):
        open_training_images(index, Preprocessing(SMALL.mean, SMALL.std), "animals")


def test_a_network_takes_images_as_configured_or_as_they_were_measured(index, tmp_path):
    preprocessing, classes, outputs = training_space(index, SMALL.as_mapping())
    assert (preprocessing, classes, outputs) == (SMALL, ["ant", "bee"], "animals")
    grey = {"order": "grey", "mean": None, "std": None}
    facts = {**FACTS, "mean": [0.25], "std": [0.5]}
    with StoreWriter(tmp_path / "grey", facts) as writer:
        writer.append(torch.zeros(2, 1, 4, 4, dtype=torch.uint8), torch.tensor([0, 1]))
    measured, _, _ = training_space(tmp_path / "grey", grey)
    assert measured == Preprocessing((0.25,), (0.5,), "grey")
    with pytest.raises(ValueError, match="give the network a preprocessing with mean and std"):
        training_space(index, {**grey, "order": "RGB"})
