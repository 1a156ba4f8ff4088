"""Data sets and networks as the pipeline keeps them between two jobs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from experiments.data.catalogue import DigestError, find_problem, load_dataset
from experiments.data.tensors import ImageTensors

__all__ = [
    "load_split",
    "load_tensors",
    "save_split",
    "save_tensors",
    "split_facts",
    "verified_files",
]


def save_split(path: str | Path, data: ImageTensors, facts: dict[str, Any]) -> None:
    """Write one split of a data set: bytes, labels, and the normalisation in the header.

    Parameters
    ----------
    path : str or Path
        The file to write.
    data : ImageTensors
        The split.
    facts : dict
        JSON-serialisable; ``class_names`` among them.
    """
    header = {
        "mean": json.dumps(data.mean),
        "std": json.dumps(data.std),
        "facts": json.dumps(facts),
    }
    tensors = {"images": data.images.contiguous(), "labels": data.labels.contiguous()}
    save_file(tensors, str(path), metadata=header)


def load_split(path: str | Path, n_images: int | None = None) -> ImageTensors:
    """Read a split written by `save_split`; only its first ``n_images``, if given.

    Raises
    ------
    ValueError
        If the split has fewer images than requested.
    """
    with safe_open(str(path), framework="pt") as file:
        header = file.metadata()
        images: torch.Tensor = file.get_tensor("images")
        labels: torch.Tensor = file.get_tensor("labels")
    data = ImageTensors(images, labels, json.loads(header["mean"]), json.loads(header["std"]))
    try:
        return data.head(n_images)
    except ValueError as error:
        raise ValueError(
            f"{path}: {error}; lower n_images in the configuration, or raise limit_images"
        ) from error


def split_facts(path: str | Path) -> dict[str, Any]:
    """Read the facts in the header of a split file."""
    with safe_open(str(path), framework="pt") as file:
        return json.loads(file.metadata()["facts"])


def save_tensors(
    path: str | Path, tensors: Mapping[str, torch.Tensor], facts: Mapping[str, Any], **header: str
) -> None:
    """Write tensors by name, with their provenance and further text in the header."""
    save_file(dict(tensors), str(path), metadata={"facts": json.dumps(facts), **header})


def load_tensors(path: str | Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Read a file written by `save_tensors`: tensors, sorted by name, and their provenance."""
    with safe_open(str(path), framework="pt") as file:
        facts = json.loads(file.metadata()["facts"])
        return {name: file.get_tensor(name) for name in sorted(file.keys())}, facts


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
                f"{path} is not the expected file: {problem}; expected {file.description}. Move "
                f"it away, delete the fetched.json of {entry.name} in the results, and run "
                "snakemake again."
            )
        files[file.name] = path
    return files
