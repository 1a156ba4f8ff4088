"""Sequences with embedded motifs, as simulated for DeepLIFT (Shrikumar et al. 2017, Sec. 4.2)."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from experiments.genomics.sequences import BASES, encode

# Frequencies of A, C, G, T. The text states these; outside of the motifs the released sequences
# have .270, .230, .230, .270.
BACKGROUND = (0.3, 0.2, 0.2, 0.3)
# How often a motif occurs once, twice or three times in the released sequences that have it,
# pooled over both motifs.
INSTANCE_COUNTS = (1947 + 1920, 1359 + 1363, 694 + 717)
PSEUDOCOUNT = 0.001


@dataclass(frozen=True)
class SimulatedSequences:
    """Sequences, their labels, and the places of the motifs.

    Parameters
    ----------
    sequences : torch.Tensor
        Base indices, shape (N, length), int64.
    labels : torch.Tensor
        Tasks "both motifs", "first motif", "second motif", shape (N, 3), int64.
    embeddings : list of list of tuple
        Per sequence, the name and the start of every embedded motif.
    names : list of str
        Name of every sequence.
    """

    sequences: Tensor
    labels: Tensor
    embeddings: list[list[tuple[str, int]]]
    names: list[str]

    def subset(self, indices: Sequence[int]) -> SimulatedSequences:
        """Return the sequences with these indices, in this order."""
        chosen = torch.as_tensor(indices, dtype=torch.long)
        return SimulatedSequences(
            self.sequences[chosen],
            self.labels[chosen],
            [self.embeddings[index] for index in chosen.tolist()],
            [self.names[index] for index in chosen.tolist()],
        )


def read_pwm(path: str | Path) -> Tensor:
    """Read a position weight matrix.

    Parameters
    ----------
    path : str or Path
        CSV file with the columns A, C, G and T and one row per position.

    Returns
    -------
    torch.Tensor
        Probability of each base, shape (length, 4), float64.

    Raises
    ------
    ValueError
        If a column is missing, or if a row is not a probability distribution.
    """
    with Path(path).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    try:
        values = [[float(row[base]) for base in BASES] for row in rows]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} needs the columns {', '.join(BASES)} with numbers") from error
    try:
        return _checked_pwm(torch.tensor(values, dtype=torch.float64).view(-1, len(BASES)))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def with_pseudocount(pwm: Tensor, pseudocount: float = PSEUDOCOUNT) -> Tensor:
    """Mix a position weight matrix with the uniform distribution, so that no base is impossible.

    Parameters
    ----------
    pwm : torch.Tensor
        Probability of each base, shape (length, 4).
    pseudocount : float, optional
        Weight of the uniform distribution.

    Returns
    -------
    torch.Tensor
        ``pwm (1 - pseudocount) + pseudocount / 4``.
    """
    return _checked_pwm(pwm) * (1.0 - pseudocount) + pseudocount / len(BASES)


def simulate_sequences(
    motifs: Mapping[str, Tensor],
    n_per_class: int = 2000,
    length: int = 200,
    background: Sequence[float] = BACKGROUND,
    generator: torch.Generator | None = None,
) -> SimulatedSequences:
    """Simulate sequences with neither, the first, the second, and both of two motifs.

    A motif that a sequence has occurs one to three times, in numbers as in the released data.
    Every instance is drawn from the matrix with pseudocount, on the forward strand, and put at
    a uniformly drawn position where it overlaps no other.

    Parameters
    ----------
    motifs : mapping of str to torch.Tensor
        Two position weight matrices (length, 4) by name.
    n_per_class : int, optional
        Number of sequences of each of the four classes.
    length : int, optional
        Number of bases.
    background : sequence of float, optional
        Frequencies of A, C, G and T outside of the motifs.
    generator : torch.Generator, optional
        Source of randomness, on the CPU.

    Returns
    -------
    SimulatedSequences
        ``4 * n_per_class`` sequences, class after class: none, first, second, both.

    Raises
    ------
    ValueError
        If there are not two motifs, if a matrix or the background is not made of probability
        distributions, or if the instances may not fit into a sequence.
    """
    if len(motifs) != 2:
        raise ValueError(f"there must be two motifs, got {len(motifs)}")
    matrices = {name: with_pseudocount(pwm) for name, pwm in motifs.items()}
    widths = [len(pwm) for pwm in matrices.values()] * len(INSTANCE_COUNTS)
    # Every earlier instance takes its own bases and, from the starts of the next one, up to a
    # motif less one before it.
    if sum(widths) + (len(widths) - 1) * (max(widths) - 1) > length:
        raise ValueError(
            f"{len(widths)} motifs of up to {max(widths)} bases may not find room in {length}"
        )
    frequencies = _checked_pwm(torch.as_tensor(background, dtype=torch.float64)[None])[0]
    first, second = matrices
    classes = {
        "empty": (),
        f"{first}_only": (first,),
        f"{second}_only": (second,),
        f"{first}_{second}": (first, second),
    }
    n_sequences = len(classes) * n_per_class
    draws = torch.multinomial(frequencies, n_sequences * length, True, generator=generator)
    sequences = draws.view(n_sequences, length)
    embeddings = []
    present = [names for names in classes.values() for _ in range(n_per_class)]
    for sequence, names in zip(sequences, present, strict=True):
        embedded: list[tuple[str, int]] = []
        free = torch.ones(length, dtype=torch.bool)
        for name in names:
            for instance in _sample_instances(matrices[name], generator):
                start = _free_start(free, len(instance), generator)
                sequence[start : start + len(instance)] = instance
                free[start : start + len(instance)] = False
                embedded.append((name, start))
        embeddings.append(embedded)
    labels = torch.tensor([[0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]])
    return SimulatedSequences(
        sequences,
        labels.repeat_interleave(n_per_class, dim=0),
        embeddings,
        [f"{name}_{index}" for name in classes for index in range(n_per_class)],
    )


def read_simdata(path: str | Path, names: Iterable[str] | None = None) -> SimulatedSequences:
    """Read sequences in the format of the authors' simulation.

    Parameters
    ----------
    path : str or Path
        Table with tabs and a header, plain or compressed with gzip: name, sequence, embedded
        motifs as ``pos-START_NAME-BASES`` with commas, and the labels of three tasks.
    names : iterable of str, optional
        Names of the sequences to keep, in the order of the table; by default all.

    Returns
    -------
    SimulatedSequences
        The sequences.

    Raises
    ------
    ValueError
        If the table does not have this format, or if a name is not in it.
    """
    rows = [line.split("\t") for line in _read_text(path).splitlines()[1:]]
    if not rows or any(len(row) != 6 for row in rows):
        raise ValueError(f"{path} is not a table of six columns with a header")
    if names is not None:
        wanted = set(names)
        rows = [row for row in rows if row[0] in wanted]
        missing = sorted(wanted - {row[0] for row in rows})
        if missing:
            raise ValueError(f"{path} has no sequence '{missing[0]}' ({len(missing)} are missing)")
    try:
        return SimulatedSequences(
            encode([row[1] for row in rows]),
            torch.tensor([[int(label) for label in row[3:]] for row in rows]),
            [[_embedding(entry) for entry in row[2].split(",") if entry] for row in rows],
            [row[0] for row in rows],
        )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def read_names(path: str | Path) -> list[str]:
    """Read names of sequences, one per line, plain or compressed with gzip.

    Parameters
    ----------
    path : str or Path
        Such as the authors' list of test sequences.

    Returns
    -------
    list of str
        The names, in the order of the file.
    """
    return _read_text(path).split()


def _read_text(path: str | Path) -> str:
    content = Path(path).read_bytes()
    return (gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content).decode()


def _embedding(entry: str) -> tuple[str, int]:
    position, _, motif = entry.removeprefix("pos-").partition("_")
    return motif.rpartition("-")[0], int(position)


def _sample_instances(pwm: Tensor, generator: torch.Generator | None) -> Tensor:
    counts = torch.tensor(INSTANCE_COUNTS, dtype=torch.float64)
    n_instances = int(torch.multinomial(counts, 1, generator=generator)) + 1
    return torch.multinomial(pwm, n_instances, True, generator=generator).T


def _free_start(free: Tensor, width: int, generator: torch.Generator | None) -> int:
    starts = free.unfold(0, width, 1).all(dim=1).nonzero().flatten()
    return int(starts[torch.randint(len(starts), (), generator=generator)])


def _checked_pwm(pwm: Tensor) -> Tensor:
    if pwm.dim() != 2 or pwm.shape[1] != len(BASES) or len(pwm) == 0:
        raise ValueError(
            f"a position weight matrix must have shape (length, {len(BASES)}), got "
            f"{tuple(pwm.shape)}"
        )
    wrong = ((pwm.sum(dim=1) - 1).abs() > 1e-3) | (pwm < 0).any(dim=1)
    if wrong.any():
        position = int(wrong.int().argmax())
        raise ValueError(
            f"position {position} of a position weight matrix is not a probability distribution: "
            f"{pwm[position].tolist()}"
        )
    return pwm
