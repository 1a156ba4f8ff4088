"""Data sets of labelled images: verified reading, validation, splitting and normalisation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from experiments.data.catalogue import Dataset, read_verified
from experiments.data.idx import read_idx
from experiments.data.image_sections import Images

__all__ = [
    "LabelledImages",
    "load_image_dataset",
    "normalisation",
    "split_train_validation",
]


@dataclass(frozen=True)
class LabelledImages:
    """One split of a data set of images of one channel.

    Parameters
    ----------
    images : numpy.ndarray
        uint8 (N, H, W), 0 to 255.
    labels : numpy.ndarray
        int64 (N,), indices into ``class_names``.
    class_names : tuple of str
        Names in the order of the labels.
    digests : dict of str to str
        The verified digests of the files that were read, by file name.
    """

    images: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    digests: dict[str, str]


def load_image_dataset(directory: str | Path, dataset: Dataset, split: str) -> LabelledImages:
    """Read one split of MNIST or a data set of the same layout, and check all that is declared.

    Parameters
    ----------
    directory : str or Path
        The folder of its files.
    dataset : Dataset
        Its entry in the catalogue, with a section ``images``.
    split : {"train", "test"}
        Which split.

    Returns
    -------
    LabelledImages
        The images and labels in the order of the files.

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    DigestError
        If a file is not the one that the catalogue describes.
    ValueError
        If the data set has no such split, or type, shape, count or labels are not the declared
        ones; the message names the file.
    """
    layout = dataset.images
    if not isinstance(layout, Images) or split not in layout.splits:
        known = ", ".join(layout.splits) if isinstance(layout, Images) else "none"
        raise ValueError(
            f"{dataset.name} has no split {split!r} of idx files of images; it has {known}"
        )
    files = layout.splits[split]
    arrays, digests = {}, {}
    for name, shape in (
        (files.images, (files.count, *layout.shape)),
        (files.labels, (files.count,)),
    ):
        path, file = Path(directory) / name, dataset.file(name)
        values = read_idx(read_verified(path, file), str(path))
        if values.dtype != np.uint8 or values.shape != shape:
            raise ValueError(
                f"{path}: {values.dtype} {values.shape} instead of uint8 {shape} as declared for "
                f"the {split} split of {dataset.name}"
            )
        arrays[name], digests[name] = values, file.digest
    labels = arrays[files.labels]
    if labels.max() >= len(layout.classes):
        raise ValueError(
            f"{Path(directory) / files.labels}: label {labels.max()} at index {labels.argmax()}, "
            f"but {dataset.name} has {len(layout.classes)} classes, 0 to {len(layout.classes) - 1}"
        )
    return LabelledImages(arrays[files.images], labels.astype(np.int64), layout.classes, digests)


def split_train_validation(
    labels: np.ndarray, validation: float | int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Split training data into a part to train on and a part to select models by.

    The split is stratified: both parts have the classes in the proportions of the whole, to within
    one image per class. It depends on the labels and the seed alone.

    Parameters
    ----------
    labels : numpy.ndarray
        (N,), class indices of the training data.
    validation : float or int
        Validation images: a fraction between 0 and 1, or a count from 1 to N - 1.
    seed : int
        Seed of the draw.

    Returns
    -------
    train, validation : numpy.ndarray
        int64, sorted indices, disjoint and together all of 0 to N - 1.

    Raises
    ------
    ValueError
        If ``labels`` is not one-dimensional, or a part would be empty or hold fewer images than
        there are classes.
    """
    labels = np.asarray(labels)
    if labels.ndim != 1 or len(labels) == 0:
        raise ValueError(f"labels must be (N,) with N > 0, got {labels.shape}")
    is_count = isinstance(validation, (int, np.integer)) and not isinstance(validation, bool)
    if not is_count and not (isinstance(validation, float) and 0.0 < validation < 1.0):
        raise ValueError(
            f"validation must be a fraction between 0 and 1 or a count, got {validation!r}"
        )
    count = int(validation) if is_count else round(validation * len(labels))
    n_classes = len(np.unique(labels))
    if not n_classes <= count <= len(labels) - n_classes:
        raise ValueError(
            f"{count} of {len(labels)} images for validation: with {n_classes} classes it must be "
            f"from {n_classes} to {len(labels) - n_classes}"
        )
    # Only here: most who import this divide nothing.
    from sklearn.model_selection import train_test_split

    train, held_out = train_test_split(
        np.arange(len(labels)), test_size=count, stratify=labels, random_state=seed
    )
    return np.sort(train), np.sort(held_out)


def normalisation(images: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the mean and the standard deviation of each channel.

    Parameters
    ----------
    images : numpy.ndarray
        uint8 (N, H, W), one channel, or (N, C, H, W).

    Returns
    -------
    mean, std : tuple of float
        One value per channel, in units of the full range (0 to 1); the standard deviation of the
        pixels as the whole population. Exact to float64 rounding, for any N.

    Raises
    ------
    ValueError
        If the images are not such bytes, there are no images, or a channel is constant, so that
        its standard deviation is zero.
    """
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or images.size == 0:
        raise ValueError(
            f"images must be uint8 (N, H, W) or (N, C, H, W) and not empty, got {images.dtype} "
            f"{images.shape}"
        )
    channels = images[:, None] if images.ndim == 3 else images
    means, stds = [], []
    values = np.arange(256, dtype=np.float64) / 255.0
    for channel in range(channels.shape[1]):
        # Counting values first is exact and needs no copy of the images in floating point; image
        # by image, because bincount widens its input.
        counts = np.zeros(256, dtype=np.int64)
        for image in channels[:, channel]:
            counts += np.bincount(image.ravel(), minlength=256)
        share = counts / counts.sum()
        mean = float(share @ values)
        std = float(np.sqrt(share @ (values - mean) ** 2))
        if std == 0.0:
            raise ValueError(f"channel {channel} is constant: it has no scale to normalise by")
        means.append(mean)
        stds.append(std)
    return tuple(means), tuple(stds)
