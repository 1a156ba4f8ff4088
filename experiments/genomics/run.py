"""The genomics experiment: sequences on disk, their split, and the motif hits of every method."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from safetensors import safe_open
from torch import Tensor

from experiments.files import save_tensors
from experiments.genomics.motif_hits import EXCLUSIONS, find_motif_hits
from experiments.genomics.simulation import SimulatedSequences, read_pwm

__all__ = [
    "load_sequences",
    "measure_hits",
    "read_motifs",
    "save_sequences",
    "split_sequences",
]


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
    """Read one split of what `save_sequences` wrote.

    Raises
    ------
    ValueError
        If the file does not hold this split.
    """
    with safe_open(str(path), framework="pt") as file:
        header = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if f"split/{split}" not in tensors:
        raise ValueError(f"{path} has no {split} sequences")
    embeddings = json.loads(header["embeddings"])
    data = SimulatedSequences(
        tensors["sequences"].long(),
        tensors["labels"],
        [[(name, start) for name, start in embedded] for embedded in embeddings],
        json.loads(header["names"]),
    )
    return data.subset(tensors[f"split/{split}"].tolist())


def measure_hits(
    data: SimulatedSequences,
    importance: Mapping[str, Tensor],
    motifs: Mapping[str, Tensor],
    n_hits: int,
    strong: float,
    background: Sequence[float],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Find the strongest hits of every motif, and count those that a method gave no importance.

    Parameters
    ----------
    data : SimulatedSequences
        N sequences.
    importance : mapping of str to Tensor of shape (N, length)
        By method: contributions summed over the bases.
    motifs : mapping of str to Tensor of shape (width, 4)
        Position weight matrices by name.
    n_hits : int
        Number of hits per sequence.
    strong : float
        Natural log-odds from which a hit is strong.
    background : sequence of float
        Frequencies of A, C, G and T.

    Returns
    -------
    hits : pandas.DataFrame
        One row per motif, method, exclusion and hit: ``motif``, ``method``, ``exclusion``,
        ``sequence`` (its name), ``hit`` (1 is the strongest), ``start`` (base, from 0),
        ``log_odds`` (natural) and ``importance``.
    summary : pandas.DataFrame
        One row per motif, method and exclusion: ``motif``, ``method``, ``exclusion``,
        ``n_strong_hits`` and ``false_negative_percent`` (missing if no hit is strong).
    """
    frames, rows = [], []
    for motif, pwm in motifs.items():
        for method, values in importance.items():
            for exclusion in EXCLUSIONS:
                found = find_motif_hits(data.sequences, values, pwm, n_hits, exclusion, background)
                key = {"motif": motif, "method": method, "exclusion": exclusion}
                frames.append(
                    pd.DataFrame(
                        {
                            **key,
                            "sequence": [name for name in data.names for _ in range(n_hits)],
                            "hit": list(range(1, n_hits + 1)) * len(data.names),
                            "start": found.start.flatten().numpy(),
                            "log_odds": found.log_odds.flatten().numpy(),
                            "importance": found.importance.flatten().numpy(),
                        }
                    )
                )
                rows.append(
                    {
                        **key,
                        "n_strong_hits": found.n_strong(strong),
                        "false_negative_percent": found.false_negative_percent(strong),
                    }
                )
    return pd.concat(frames, ignore_index=True), pd.DataFrame(rows)
