"""Open the images that a job is given: a store, or the index of an image folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from experiments.data.augmentation import AugmentedImages
from experiments.data.file_images import FileImages
from experiments.data.index import read_index
from experiments.data.network_images import NetworkImages
from experiments.data.preprocessing import Preprocessing
from experiments.data.stores import StoredImages
from experiments.data.tensors import Batches

__all__ = ["open_images", "open_training_images", "training_space"]


def open_images(path: str | Path, preprocessing: Preprocessing, outputs: str) -> NetworkImages:
    """Open images as a network takes them.

    Parameters
    ----------
    path : str or Path
        The folder of a store, or an index of image files (``.csv``).
    preprocessing : Preprocessing
        Of the network.
    outputs : str
        The classes of the network's logits: the name of a data set, or ``"imagenet"``.

    Returns
    -------
    NetworkImages
        Labels are among the network's outputs.

    Raises
    ------
    ValueError
        If the images do not say which output stands for their classes.
    """
    source: StoredImages | FileImages
    if Path(path).suffix == ".csv":
        source = FileImages(read_index(path), preprocessing)
        facts = source.index.facts
    else:
        source = StoredImages(path)
        facts = source.facts
    return NetworkImages(source, preprocessing, _output_of_class(facts, outputs, path))


def open_training_images(path: str | Path, preprocessing: Preprocessing, outputs: str) -> Batches:
    """Open images to train on: those of image files are cut out at random, anew in every epoch.

    Parameters
    ----------
    path, preprocessing, outputs
        As for `open_images`; for image files the preprocessing must have a crop.
    """
    if Path(path).suffix != ".csv":
        return open_images(path, preprocessing, outputs)
    if preprocessing.crop is None:
        raise ValueError(f"{path}: training on image files needs a preprocessing with a crop")
    files = FileImages(read_index(path), preprocessing)
    return AugmentedImages(files, preprocessing, preprocessing.crop)


def training_space(
    path: str | Path, space: Mapping[str, Any]
) -> tuple[Preprocessing, list[str], str]:
    """Return how a network that is trained on some images takes them.

    Parameters
    ----------
    path : str or Path
        The folder of a store, or an index of image files (``.csv``).
    space : mapping
        Fields of `Preprocessing`; without a mean it is that of the training images, which a store
        of a data set of idx files knows.

    Returns
    -------
    preprocessing : Preprocessing
        Of the network.
    classes : list of str
        Names of the classes, one for each output.
    outputs : str
        What the outputs stand for.

    Raises
    ------
    ValueError
        If the mean is not given and not known.
    """
    facts = read_index(path).facts if Path(path).suffix == ".csv" else StoredImages(path).facts
    if space["mean"] is None:
        if "mean" not in facts:
            raise ValueError(
                f"{path}: the mean of the training images is not known; give the network a "
                "preprocessing with mean and std"
            )
        space = {**space, "mean": facts["mean"], "std": facts["std"]}
    return Preprocessing.from_mapping(space), facts["class_names"], facts["label_space"]


def _output_of_class(facts: dict[str, Any], outputs: str, path: str | Path) -> torch.Tensor | None:
    if outputs == facts["label_space"]:
        return None
    mapped = facts.get("outputs", {}).get(outputs)
    if mapped is None:
        raise ValueError(
            f"{path}: the classes of {facts['dataset']} are not among the outputs of a network for "
            f"{outputs}; give the entry of the data set in workflow/datasets/ a line "
            f"outputs.{outputs}, or the network outputs: dataset"
        )
    return torch.tensor(mapped)
