"""Where the image files of a data set are, and which of them make a split."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from experiments.data.archives import unpack
from experiments.data.catalogue import Dataset
from experiments.data.folders import class_folders, class_names, scan_folder
from experiments.data.image_sections import Folders, LabelledFiles
from experiments.data.imagenet_classes import imagenet_classes
from experiments.data.images import split_train_validation
from experiments.data.index import spread

__all__ = ["list_images"]

SplitName = Literal["train", "validation", "test"]


def list_images(
    dataset: Dataset,
    folder: str | Path,
    split: SplitName,
    *,
    limit_images: int | None,
    seed: int,
    validation_images: int = 0,
) -> tuple[Path, Sequence[tuple[str, int]], dict[str, Any]]:
    """List the images of one split of a data set of image files.

    Parameters
    ----------
    dataset : Dataset
        Its entry in the catalogue.
    folder : str or Path
        The folder of its files, or of the tree that the user has.
    split : {"train", "validation", "test"}
        Validation images are split off the training images, stratified.
    limit_images : int or None
        At most so many training and test images, evenly spread; there may then be fewer files than
        declared.
    seed : int
        Of the split.
    validation_images : int
        How many there are; needed for the other splits than ``"test"``.

    Returns
    -------
    root : Path
        The folder that the paths are relative to.
    rows : sequence of tuple of str and int
        Path and label, in the order of the classes.
    facts : dict
        What belongs to all of them: data set, split, class names, label space.

    Raises
    ------
    ValueError
        If the files are not those that the catalogue describes; the message names the path.
    """
    layout = dataset.images
    if isinstance(layout, LabelledFiles):
        root, rows = Path(folder), sorted(layout.labelled.items(), key=lambda row: row[1])
        names = imagenet_classes()
    else:
        assert isinstance(layout, Folders)  # the other form has no image files
        top = _tree(dataset, layout, Path(folder))
        official: Literal["train", "test"] = "test" if split == "test" else "train"
        root = top / layout.splits[official]
        rows = scan_folder(root, layout, official, allow_fewer=limit_images is not None)
        found = class_folders(root, layout)
        names = (
            imagenet_classes() if dataset.label_space == "imagenet" else class_names(found, layout)
        )
        if split != "test":
            labels = np.array([label for _, label in rows])
            try:
                parts = split_train_validation(labels, validation_images, seed)
            except ValueError as error:
                raise ValueError(f"{root}: {error}; change validation_images") from error
            rows = [rows[index] for index in parts[split == "validation"]]
    if limit_images is not None and split != "validation" and limit_images < len(rows):
        rows = [rows[index] for index in spread(len(rows), limit_images)]
    facts = {
        "dataset": dataset.name,
        "split": split,
        "class_names": names,
        "label_space": dataset.label_space,
        "outputs": {} if isinstance(layout, LabelledFiles) else dict(layout.outputs),
        "sorted_by_class": True,
    }
    return root, rows, facts


def _tree(dataset: Dataset, layout: Folders, folder: Path) -> Path:
    """Return the folder that holds the splits, after unpacking the archive if there is one."""
    if layout.archive is not None:
        unpacked = folder / "unpacked"
        if not unpacked.is_dir():
            unpack(folder / layout.archive, unpacked, layout.root)
        return unpacked
    return folder / layout.root if layout.root is not None else folder
