"""Open the images that a job is given: a store, or the index of an image folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from experiments.data.file_images import FileImages
from experiments.data.index import read_index
from experiments.data.network_images import NetworkImages
from experiments.data.preprocessing import Preprocessing
from experiments.data.stores import StoredImages

__all__ = ["open_images"]


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
