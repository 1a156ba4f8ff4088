"""DNA sequences as tensors of base indices, as one-hot tensors, and shuffled."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

BASES = "ACGT"


def encode(sequences: Sequence[str]) -> Tensor:
    """Turn sequences of letters into base indices.

    Parameters
    ----------
    sequences : sequence of str
        N sequences of one length, of the letters A, C, G and T in either case.

    Returns
    -------
    torch.Tensor
        Index into `BASES` per position, shape (N, length), int64.

    Raises
    ------
    ValueError
        If there are no sequences, if the lengths differ, or if another letter occurs; the message
        names the sequence.
    """
    if not sequences:
        raise ValueError("there are no sequences to encode")
    length = len(sequences[0])
    code = torch.full((256,), -1, dtype=torch.long)
    for index, base in enumerate(BASES):
        code[ord(base)] = code[ord(base.lower())] = index
    for row, sequence in enumerate(sequences):
        if len(sequence) != length:
            raise ValueError(
                f"sequence {row} has {len(sequence)} bases, sequence 0 has {length}: all must have "
                "the same length"
            )
    letters = "".join(sequences).encode("latin-1", errors="replace")
    indices = code[torch.frombuffer(bytearray(letters), dtype=torch.uint8).long()]
    indices = indices.view(len(sequences), length)
    unknown = (indices < 0).nonzero()
    if len(unknown) > 0:
        row, position = unknown[0].tolist()
        raise ValueError(
            f"sequence {row} has {sequences[row][position]!r} at position {position}: only the "
            f"bases {BASES} are known"
        )
    return indices


def one_hot(sequences: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """One-hot code of base indices.

    Parameters
    ----------
    sequences : torch.Tensor
        Base indices, shape (..., length), int64.
    dtype : torch.dtype, optional
        Type of the result.

    Returns
    -------
    torch.Tensor
        Shape (..., 4, length).
    """
    bases = torch.arange(len(BASES), device=sequences.device)
    return (sequences.unsqueeze(-2) == bases[:, None]).to(dtype)


def dinucleotide_shuffle(
    sequences: Tensor, n_shuffles: int, generator: torch.Generator | None = None
) -> Tensor:
    """Shuffle sequences so that every pair of neighbouring bases occurs as often as before.

    A sequence is a path through its bases that walks every step from one base to the next once;
    a shuffle is another such path with the same first and last base. Following Altschul and
    Erickson (1985), the steps that leave a base are walked in random order, and an order is
    possible if the last steps out of all bases lead to the last base of the sequence. Orders that
    do not are drawn again, so that all shuffles are equally likely.

    Parameters
    ----------
    sequences : torch.Tensor
        Base indices, shape (N, length), int64.
    n_shuffles : int
        Number of shuffles per sequence.
    generator : torch.Generator, optional
        Source of randomness, on the device of the sequences.

    Returns
    -------
    torch.Tensor
        Base indices, shape (N, n_shuffles, length), int64.
    """
    n_sequences, length = sequences.shape
    repeated = sequences.repeat_interleave(n_shuffles, dim=0)
    if length < 3:
        return repeated.view(n_sequences, n_shuffles, length)
    order = _step_orders(repeated, generator)
    # Steps by the base they leave, in the order in which they are walked.
    targets = repeated[:, 1:].gather(1, order)
    counts = one_hot(repeated[:, :-1], torch.long).sum(dim=-1)
    next_step = counts.cumsum(dim=1) - counts
    shuffled = torch.empty_like(repeated)
    current = repeated[:, :1]
    for position in range(length):
        shuffled[:, position] = current[:, 0]
        if position < length - 1:
            step = next_step.gather(1, current)
            next_step.scatter_(1, current, step + 1)
            current = targets.gather(1, step)
    return shuffled.view(n_sequences, n_shuffles, length)


def _step_orders(sequences: Tensor, generator: torch.Generator | None) -> Tensor:
    """Random orders of the steps of each sequence, sorted by the base that a step leaves."""
    n_steps = sequences.shape[1] - 1
    orders = torch.empty_like(sequences[:, 1:])
    pending = torch.arange(len(sequences), device=sequences.device)
    while len(pending) > 0:
        chosen = sequences[pending]
        sources = chosen[:, :-1]
        # Random numbers are below one, so that the base decides before them.
        keys = torch.rand(
            sources.shape, generator=generator, dtype=torch.float64, device=sources.device
        )
        order = (sources + keys).argsort(dim=1)
        counts = one_hot(sources, torch.long).sum(dim=-1)
        last_step = (counts.cumsum(dim=1) - 1).clamp(0, n_steps - 1)
        leads_to = chosen[:, 1:].gather(1, order).gather(1, last_step)
        end = chosen[:, -1:]
        # A base that is never left does not matter; the last base ends the walk.
        leads_to = torch.where(counts > 0, leads_to, end).scatter(1, end, end)
        reached = leads_to
        for _ in BASES:
            reached = leads_to.gather(1, reached)
        possible = (reached == end).all(dim=1)
        orders[pending[possible]] = order[possible]
        pending = pending[~possible]
    return orders
