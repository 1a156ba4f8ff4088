"""Images and tensors as the pipeline keeps them between two jobs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from experiments.data.catalogue import DigestError, find_problem, load_dataset
from experiments.data.stores import StoredImages
from experiments.data.tensors import ImageTensors
from experiments.intermediates import read_tensors
from experiments.writing import write_tensors

__all__ = [
    "load_split",
    "load_tensors",
    "save_tensors",
    "verified_files",
]


def load_split(path: str | Path) -> ImageTensors:
    """Read a whole store into memory, normalised as it says."""
    store = StoredImages(path)
    images = store.__getitems__(range(len(store)))
    return ImageTensors(images, store.labels, store.facts["mean"], store.facts["std"])


def save_tensors(
    path: str | Path, tensors: Mapping[str, torch.Tensor], facts: Mapping[str, Any], **header: str
) -> None:
    """Write tensors by name, with their provenance and further text in the header."""
    write_tensors(path, tensors, {"facts": json.dumps(facts), **header})


def load_tensors(path: str | Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Read a file written by `save_tensors`: tensors, sorted by name, and their provenance.

    Raises
    ------
    DamagedFileError
        If the file holds something else; also where a tensor that is asked for is missing.
    """
    tensors, header = read_tensors(path, header=["facts"])
    return tensors, header["facts"]


def verified_files(dataset: str | Path, data: str | Path) -> dict[str, Path]:
    """Return the fetched files of a data set by name, after verifying their digests.

    Parameters
    ----------
    dataset : str or Path
        The data set's entry in the catalogue, a YAML file.
    data : str or Path
        Folder of the downloaded files.

    Raises
    ------
    DigestError
        If a file is missing or is not the one that the catalogue describes.
    """
    entry, files = load_dataset(dataset), {}
    for file in entry.files:
        path = Path(data) / entry.name / file.name
        problem = find_problem(path, file)
        if problem is not None:
            raise DigestError(
                f"{path} is not the expected file: {problem}; expected {file.description}: move "
                "it away and run snakemake again"
            )
        files[file.name] = path
    return files
