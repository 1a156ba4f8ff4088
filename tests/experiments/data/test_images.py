"""Labelled images: verified reading, validation, splits and normalisation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from experiments.data.catalogue import Dataset, DigestError, load_dataset
from experiments.data.image_sections import Images, Split
from experiments.data.images import (
    load_image_dataset,
    normalisation,
    split_train_validation,
)
from tests.experiments.data.helpers import DESCRIBED, NOWHERE, declare, mnist_subset, write_idx


@pytest.fixture(scope="module")
def digits():
    return mnist_subset()


def make_dataset(folder: Path, images: np.ndarray, labels: np.ndarray, **changes) -> Dataset:
    """Write the files of a data set with one split and declare them; ``changes`` are lies."""
    files = []
    for name, array in (("some-images", images), ("some-labels", labels)):
        content = write_idx(array)
        (folder / name).write_bytes(content)
        files.append(declare(name, content))
    declared = {"count": len(images), "shape": images.shape[1:], "classes": ("a", "b", "c")}
    declared.update(changes)
    split = Split(images="some-images", labels="some-labels", count=declared["count"])
    layout = Images(shape=declared["shape"], classes=declared["classes"], splits={"test": split})
    return Dataset(name="tiny", sources=(NOWHERE,), files=tuple(files), images=layout, **DESCRIBED)


IMAGES = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3)
LABELS = np.array([2, 0, 1, 2, 0], dtype=np.uint8)


def test_reads_a_split(tmp_path):
    dataset = make_dataset(tmp_path, IMAGES, LABELS)
    data = load_image_dataset(tmp_path, dataset, "test")
    assert data.images.dtype == np.uint8 and data.labels.dtype == np.int64
    np.testing.assert_array_equal(data.images, IMAGES)
    np.testing.assert_array_equal(data.labels, LABELS)
    assert data.class_names == ("a", "b", "c")
    assert data.digests == {file.name: file.digest for file in dataset.files}
    torch.from_numpy(data.images)[0, 0, 0] = 9  # an array of its own
    assert data.images[0, 0, 0] == 9


@pytest.mark.parametrize("name", ["some-images", "some-labels"])
@pytest.mark.parametrize("damage", ["altered", "truncated", "missing"])
def test_verifies_what_it_reads(tmp_path, name, damage):
    dataset = make_dataset(tmp_path, IMAGES, LABELS)
    path = tmp_path / name
    content = bytearray(path.read_bytes())
    if damage == "missing":
        path.unlink()
    elif damage == "truncated":
        path.write_bytes(content[:-1])
    else:
        content[-1] ^= 1  # still a valid idx file with valid labels
        path.write_bytes(content)
    error = FileNotFoundError if damage == "missing" else DigestError
    with pytest.raises(error) as caught:
        load_image_dataset(tmp_path, dataset, "test")
    assert str(path) in str(caught.value) and dataset.file(name).digest in str(caught.value)


@pytest.mark.parametrize(
    ("images", "labels", "changes", "name"),
    [
        (IMAGES, LABELS, {"count": 6}, "some-images"),
        (IMAGES, LABELS[:4], {}, "some-labels"),
        (IMAGES, LABELS[:, None], {}, "some-labels"),
        (IMAGES, LABELS, {"shape": (3, 4)}, "some-images"),
        (IMAGES[:, 0], LABELS, {"shape": (4, 3)}, "some-images"),
        (IMAGES.astype(np.int32), LABELS, {}, "some-images"),
        (IMAGES, LABELS.astype(np.int8), {}, "some-labels"),
        (IMAGES, LABELS, {"classes": ("a", "b")}, "some-labels"),
    ],
)
def test_refuses_what_is_not_as_declared(tmp_path, images, labels, changes, name):
    dataset = make_dataset(tmp_path, images, labels, **changes)
    with pytest.raises(ValueError, match="tiny") as caught:
        load_image_dataset(tmp_path, dataset, "test")
    assert str(tmp_path / name) in str(caught.value)


def test_refuses_an_unknown_split(tmp_path):
    dataset = make_dataset(tmp_path, IMAGES, LABELS)
    with pytest.raises(ValueError, match=r"tiny has no split 'train' of .*; it has test"):
        load_image_dataset(tmp_path, dataset, "train")


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_the_catalogue_declares_idx_files_of_exactly_its_images(root, name):
    dataset = load_dataset(root / "workflow" / "datasets" / f"{name}.yaml")
    layout = dataset.images
    assert {split.count for split in layout.splits.values()} == {60000, 10000}
    assert layout.shape == (28, 28) and len(layout.classes) == 10
    used = []
    for split in layout.splits.values():
        assert dataset.file(split.images).size == 16 + split.count * 28 * 28
        assert dataset.file(split.labels).size == 8 + split.count
        used += [split.images, split.labels]
    assert sorted(used) == sorted(file.name for file in dataset.files)


def test_the_catalogue_agrees_with_torchvision(root):
    from torchvision.datasets import MNIST, FashionMNIST

    for name, theirs in (("mnist", MNIST), ("fashion_mnist", FashionMNIST)):
        ours = load_dataset(root / "workflow" / "datasets" / f"{name}.yaml")
        urls = [ours.sources[0].url.replace("{name}", file.name) for file in ours.files]
        assert urls == [theirs.mirrors[0] + resource for resource, _ in theirs.resources]
    assert list(ours.images.classes) == FashionMNIST.classes


label_arrays = st.lists(st.integers(0, 4), min_size=20, max_size=120).map(
    lambda labels: np.array(labels + 2 * [0, 1, 2, 3, 4])
)


@settings(deadline=None)
@given(label_arrays, st.integers(5, 20), st.integers(0, 2**32 - 1))
def test_splits_are_stratified_seeded_partitions(labels, count, seed):
    train, validation = split_train_validation(labels, count, seed)
    assert len(validation) == count and train.dtype == validation.dtype == np.int64
    np.testing.assert_array_equal(
        np.sort(np.concatenate([train, validation])), np.arange(len(labels))
    )
    assert (np.diff(train) > 0).all() and (np.diff(validation) > 0).all()
    expected = np.bincount(labels, minlength=5) * count / len(labels)
    assert (np.abs(np.bincount(labels[validation], minlength=5) - expected) < 1).all()
    again = split_train_validation(labels, count, seed)
    np.testing.assert_array_equal(again[1], validation)


def test_splits_depend_on_the_seed_and_nothing_else(digits):
    labels = digits[1]
    np.random.seed(0)
    first = split_train_validation(labels, 0.1, seed=1)
    np.random.seed(1)
    np.testing.assert_array_equal(split_train_validation(labels, 500, seed=1)[1], first[1])
    assert (np.bincount(labels[first[1]]) == 50).all()
    assert len(np.intersect1d(split_train_validation(labels, 0.1, seed=2)[1], first[1])) < 100


@pytest.mark.parametrize("validation", [0, 1, 9, 4991, 5000, -1, 0.0, 1.0, 1.5, 1e-4, True, "0.1"])
def test_refuses_impossible_splits(digits, validation):
    with pytest.raises(ValueError, match="validation"):
        split_train_validation(digits[1], validation, seed=0)


@pytest.mark.parametrize("labels", [np.zeros((4, 2)), np.zeros(0)])
def test_refuses_labels_of_another_shape(labels):
    with pytest.raises(ValueError, match=r"labels must be \(N,\)"):
        split_train_validation(labels, 1, seed=0)


@given(
    hnp.arrays(np.uint8, hnp.array_shapes(min_dims=3, max_dims=4, max_side=5)).filter(
        lambda images: all(
            len(np.unique(channel)) > 1
            for channel in (images[:, None] if images.ndim == 3 else images).swapaxes(0, 1)
        )
    )
)
def test_normalisation_is_numpys_mean_and_std(images):
    mean, std = normalisation(images)
    scaled = (images[:, None] if images.ndim == 3 else images).astype(np.float64) / 255
    np.testing.assert_allclose(mean, scaled.mean(axis=(0, 2, 3)), rtol=1e-12)
    np.testing.assert_allclose(std, scaled.std(axis=(0, 2, 3)), rtol=1e-9)


def test_normalisation_of_the_digits_is_near_that_of_all_mnist(digits):
    # 0.1307 and 0.3081 are the usual constants for the 60,000 training images.
    mean, std = normalisation(digits[0])
    assert mean == pytest.approx((0.1307,), abs=2e-3) and std == pytest.approx((0.3081,), abs=2e-3)


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 3, 3)),
        np.zeros((3, 3), np.uint8),
        np.zeros((0, 3, 3), np.uint8),
        np.zeros((2, 3, 3), np.uint8),
    ],
)
def test_normalisation_refuses_what_has_no_scale(images):
    with pytest.raises(ValueError, match=r"images must be uint8|channel 0 is constant"):
        normalisation(images)
