"""Importance of the positions of sequences, relative to references."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from experiments.attributions import Attribution
from experiments.genomics.sequences import BASES, dinucleotide_shuffle, one_hot
from experiments.genomics.simulation import BACKGROUND

N_SHUFFLED = 10
"""References per sequence of the methods whose baselines are shuffled."""


def background_reference(background: Sequence[float] = BACKGROUND) -> Tensor:
    """Return the reference with the background frequencies at every position.

    Parameters
    ----------
    background : sequence of float, optional
        Frequencies of A, C, G and T.

    Returns
    -------
    torch.Tensor
        Shape (1, 4, 1), to be broadcast to one-hot sequences.
    """
    return torch.tensor(background).view(1, len(BASES), 1)


def shuffled_references(
    sequences: Tensor, n_references: int = 10, generator: torch.Generator | None = None
) -> list[Tensor]:
    """Shuffle sequences into references that keep their dinucleotides.

    Parameters
    ----------
    sequences : torch.Tensor
        Base indices, shape (N, length), int64.
    n_references : int, optional
        Number of references per sequence.
    generator : torch.Generator, optional
        Source of randomness.

    Returns
    -------
    list of torch.Tensor
        ``n_references`` one-hot tensors (N, 4, length).
    """
    shuffled = dinucleotide_shuffle(sequences, n_references, generator)
    return [one_hot(each) for each in shuffled.unbind(dim=1)]


def position_importance(
    model: nn.Module,
    sequences: Tensor,
    attribution: Attribution,
    target: int,
    background: Sequence[float] = BACKGROUND,
    generator: torch.Generator | None = None,
    batch_size: int = 100,
) -> Tensor:
    """Attribute a logit to the positions of sequences: contributions summed over the bases.

    Parameters
    ----------
    model : torch.nn.Module
        Maps one-hot sequences (N, 4, length) to logits; it determines the device.
    sequences : torch.Tensor
        Base indices, shape (N, length), int64.
    attribution : Attribution
        The method. Its baselines are the background frequencies, or shuffled copies of the
        sequences.
    target : int
        Index of the logit.
    background : sequence of float, optional
        Frequencies of A, C, G and T, which the reference holds at every position.
    generator : torch.Generator, optional
        Shuffles the sequences, on the CPU.
    batch_size : int, optional
        Sequences that are attributed together: memory and speed.

    Returns
    -------
    torch.Tensor
        Importance, shape (N, length), on the CPU.
    """
    device = next(model.parameters()).device
    shuffled = attribution.baselines == "shuffled"
    if shuffled:
        # At once, so that the draws do not depend on the size of the batches.
        drawn = torch.stack(shuffled_references(sequences, N_SHUFFLED, generator))
        batches = drawn.split(batch_size, dim=1)
    else:
        shared = background_reference(background).to(device)
    parts = []
    for index, part in enumerate(sequences.split(batch_size)):
        baselines = list(batches[index].to(device)) if shuffled else shared
        targets = torch.full((len(part),), target, device=device)
        scores = attribution(model, one_hot(part).to(device), targets, baselines=baselines)
        parts.append(scores.sum(dim=1).cpu())
    return torch.cat(parts)
