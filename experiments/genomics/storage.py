"""Sequences and motifs of the genomics experiment on disk, and the split of the sequences."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from experiments.files import save_tensors
from experiments.genomics.simulation import SimulatedSequences, read_pwm
from experiments.intermediates import DamagedFileError, read_tensors

__all__ = ["load_sequences", "read_motifs", "save_sequences", "split_sequences"]


def read_motifs(paths: Iterable[str]) -> dict[str, Tensor]:
    """Read the position weight matrices (length, 4) of files ``pwm_NAME.csv``, by name."""
    return {Path(path).stem.removeprefix("pwm_"): read_pwm(path) for path in paths}


def split_sequences(n_sequences: int, sizes: Mapping[str, int], seed: int) -> dict[str, Tensor]:
    """Draw disjoint sets of sequences.

    Parameters
    ----------
    n_sequences : int
        To draw from.
    sizes : mapping of str to int
        Number of sequences by split; what is left over is the split ``train``.
    seed : int
        Of the draw.

    Returns
    -------
    dict of str to Tensor
        Indices by split, in the order of the draw.
    """
    order = torch.randperm(n_sequences, generator=torch.Generator().manual_seed(seed))
    *drawn, rest = order.split([*sizes.values(), n_sequences - sum(sizes.values())])
    return {"train": rest, **dict(zip(sizes, drawn, strict=True))}


def save_sequences(
    path: str | Path,
    data: SimulatedSequences,
    splits: Mapping[str, Tensor],
    facts: Mapping[str, Any],
) -> None:
    """Write sequences (uint8), labels, splits, and in the header names and embedded motifs."""
    tensors = {f"split/{name}": indices.contiguous() for name, indices in splits.items()}
    tensors |= {"sequences": data.sequences.to(torch.uint8), "labels": data.labels.contiguous()}
    header = {"names": json.dumps(data.names), "embeddings": json.dumps(data.embeddings)}
    save_tensors(path, tensors, facts, **header)


def load_sequences(path: str | Path, split: str) -> SimulatedSequences:
    """Read one split of a file written by `save_sequences`.

    Raises
    ------
    DamagedFileError
        If the file holds something else, or does not have this split.
    """
    tensors, header = read_tensors(path, header=["names", "embeddings"])
    sequences, labels = tensors["sequences"].long(), tensors["labels"]
    names, embeddings = header["names"], header["embeddings"]
    chosen = tensors[f"split/{split}"].tolist()
    counts = {len(sequences), len(labels), len(names), len(embeddings)}
    if len(counts) > 1 or not set(chosen) <= set(range(len(names))):
        raise DamagedFileError(path, f"has other {split} sequences than it says")
    try:
        embedded = [[(name, start) for name, start in motifs] for motifs in embeddings]
    except (TypeError, ValueError) as error:
        raise DamagedFileError(path, f"has damaged embeddings ({error})") from error
    return SimulatedSequences(sequences, labels, embedded, names).subset(chosen)
