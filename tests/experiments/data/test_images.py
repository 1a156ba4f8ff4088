"""Labelled images: verified reading, validation, splits and normalisation."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from experiments.data import DataFile, DigestError, ExternalDataset, ImageLayout, Split, load_table
from experiments.data.images import (
    load_image_dataset,
    load_image_folder,
    mnist_subset,
    normalisation,
    split_train_validation,
)
from tests.experiments.data.test_idx import write_idx

TABLE = Path(__file__).parents[3] / "workflow" / "datasets.yaml"


@pytest.fixture(scope="module")
def digits():
    return mnist_subset()


def make_dataset(
    folder: Path, images: np.ndarray, labels: np.ndarray, **changes
) -> ExternalDataset:
    """Write the files of a data set with one split and declare them; ``changes`` are lies."""
    files = []
    for name, array in (("some-images", images), ("some-labels", labels)):
        content = write_idx(array)
        (folder / name).write_bytes(content)
        files.append(DataFile(name, len(content), hashlib.sha256(content).hexdigest()))
    declared = {"count": len(images), "shape": images.shape[1:], "classes": ("a", "b", "c")}
    declared.update(changes)
    split = Split("some-images", "some-labels", declared["count"])
    layout = ImageLayout(declared["shape"], declared["classes"], {"test": split})
    return ExternalDataset("tiny", "", "", "", "", (), tuple(files), images=layout)


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
def test_the_table_declares_idx_files_of_exactly_its_images(name):
    dataset = load_table(TABLE)[name]
    layout = dataset.images
    assert {split.count for split in layout.splits.values()} == {60000, 10000}
    assert layout.shape == (28, 28) and len(layout.classes) == 10
    used = []
    for split in layout.splits.values():
        assert dataset.file(split.images).size == 16 + split.count * 28 * 28
        assert dataset.file(split.labels).size == 8 + split.count
        used += [split.images, split.labels]
    assert sorted(used) == sorted(file.name for file in dataset.files)


def test_the_table_agrees_with_torchvision():
    from torchvision.datasets import MNIST, FashionMNIST

    table = load_table(TABLE)
    assert list(table["fashion_mnist"].images.classes) == FashionMNIST.classes
    for name, theirs in (("mnist", MNIST), ("fashion_mnist", FashionMNIST)):
        url = table[name].sources[0].location
        ours = [url.replace("{name}", file.name) for file in table[name].files]
        assert ours == [theirs.mirrors[0] + resource for resource, _ in theirs.resources]


def test_mnist_subset_holds_real_digits(digits):
    images, labels = digits
    assert images.shape == (5000, 28, 28) and images.dtype == np.uint8 and images.max() == 255
    assert labels.shape == (5000,) and labels.dtype == np.int64
    # Ink is in the middle of the image and hardly ever at its edges.
    edges = [images[:, [0, -1]].mean(), images[:, :, [0, -1]].mean()]
    assert max(edges) < 1 < 50 < images[:, 10:18, 10:18].mean()
    # A nearest-mean classifier is right far more often than the 10 % of shuffled labels.
    vectors = images.reshape(5000, -1).astype(np.float64)
    means = np.stack([vectors[labels == digit][:250].mean(0) for digit in range(10)])
    distance = ((vectors[:, None, ::4] - means[None, :, ::4]) ** 2).sum(-1)
    assert (distance.argmin(1) == labels).mean() > 0.7


def test_the_mean_digit_has_the_shape_of_a_digit(digits):
    images, labels = digits
    one, zero = (images[labels == digit].mean(0) for digit in (1, 0))
    assert one[14, 14] > 100 > zero[14, 14]  # a stroke through the centre, and a hole


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


@pytest.fixture
def folder(tmp_path):
    for index, name in enumerate(["ant", "bee"]):
        (tmp_path / name).mkdir()
        for number in range(2):
            colour = (200, 100 * number, 50 * index)
            Image.new("RGB", (40, 30), colour).save(tmp_path / name / f"{number}.png")
    return tmp_path


def test_image_folder(folder):
    data = load_image_folder(folder, resize=20, crop=16)
    assert data.classes == ["ant", "bee"] and [label for _, label in data.samples] == [0, 0, 1, 1]
    image, label = data[3]
    assert image.dtype == torch.uint8 and image.shape == (3, 16, 16) and label == 1
    assert image.flatten(1).unique(dim=1).flatten().tolist() == [200, 100, 50]


def test_image_folder_keeps_the_aspect_ratio_and_cuts_the_centre(tmp_path):
    (tmp_path / "only").mkdir()
    columns = np.zeros((30, 90, 3), np.uint8)
    columns[:, 30:60] = 255  # the middle third of the width is white
    Image.fromarray(columns).save(tmp_path / "only" / "wide.png")
    image, _ = load_image_folder(tmp_path, resize=30, crop=30)[0]
    assert (image == 255).all()


def test_image_folder_in_a_given_order(folder):
    data = load_image_folder(folder, ["bee", "ant"], resize=20, crop=16)
    assert data.classes == ["bee", "ant"]
    assert [label for _, label in data.samples] == [1, 1, 0, 0]
    with pytest.raises(ValueError, match="missing: cow; not expected: bee"):
        load_image_folder(folder, ["ant", "cow"])


def test_image_folder_errors(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load_image_folder(tmp_path / "nowhere")
    (folder / "cow").mkdir()
    with pytest.raises(FileNotFoundError, match="cow"):
        load_image_folder(folder)
    with pytest.raises(ValueError, match="224"):
        load_image_folder(folder, resize=200)
