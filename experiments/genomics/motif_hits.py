"""Hits of a motif in a sequence, and whether an attribution finds them (DeepLIFT, Sec. 4.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from experiments.genomics.sequences import BASES, one_hot
from experiments.genomics.simulation import BACKGROUND, with_pseudocount

EXCLUSIONS = ("official", "fixed")
# Log-odds from which the analysis calls a hit strong.
STRONG = 7.0


@dataclass(frozen=True)
class MotifHits:
    """The strongest hits of a motif in every sequence.

    Parameters
    ----------
    start : torch.Tensor
        First base of each hit, shape (N, n_hits), int64.
    log_odds : torch.Tensor
        Natural logarithm of the ratio of the probabilities of the bases under the motif and under
        the background, shape (N, n_hits).
    importance : torch.Tensor
        Sum of the importance over the bases of the hit, shape (N, n_hits).
    """

    start: Tensor
    log_odds: Tensor
    importance: Tensor

    def n_strong(self, threshold: float = STRONG) -> int:
        """Count the hits with log-odds of at least the threshold."""
        return int((self.log_odds >= threshold).sum())

    def false_negative_percent(self, threshold: float = STRONG) -> float:
        """Strong hits that got no positive importance, in percent of the strong hits.

        Parameters
        ----------
        threshold : float, optional
            Log-odds from which a hit is strong.

        Returns
        -------
        float
            0 to 100; NaN if no hit is strong.
        """
        strong = self.log_odds >= threshold
        missed = strong & (self.importance <= 0)
        return 100.0 * float(missed.sum()) / float(strong.sum()) if strong.any() else float("nan")


def find_motif_hits(
    sequences: Tensor,
    importance: Tensor,
    pwm: Tensor,
    n_hits: int = 5,
    exclusion: str = "official",
    background: Sequence[float] = BACKGROUND,
) -> MotifHits:
    """Find the strongest hits of a motif and their importance.

    Parameters
    ----------
    sequences : torch.Tensor
        Base indices, shape (N, length), int64.
    importance : torch.Tensor
        Importance of every position, shape (N, length): contributions summed over the bases.
    pwm : torch.Tensor
        Position weight matrix, shape (width, 4), without pseudocount.
    n_hits : int, optional
        Number of hits per sequence.
    exclusion : {"official", "fixed"}, optional
        See `strongest_hits`.
    background : sequence of float, optional
        Frequencies of A, C, G and T.

    Returns
    -------
    MotifHits
        Hits, the strongest first.

    Raises
    ------
    ValueError
        If the shapes do not fit, or if ``exclusion`` is unknown.
    """
    if importance.shape != sequences.shape:
        raise ValueError(
            f"importance has shape {tuple(importance.shape)}, the sequences have "
            f"{tuple(sequences.shape)}: it needs one value per position"
        )
    width = len(pwm)
    scores = log_odds(sequences, pwm, background)
    start = strongest_hits(scores, width, n_hits, exclusion)
    sums = importance.unfold(1, width, 1).sum(dim=-1)
    return MotifHits(start, scores.gather(1, start), sums.gather(1, start))


def log_odds(sequences: Tensor, pwm: Tensor, background: Sequence[float] = BACKGROUND) -> Tensor:
    """Scan sequences for a motif.

    Parameters
    ----------
    sequences : torch.Tensor
        Base indices, shape (N, length), int64.
    pwm : torch.Tensor
        Position weight matrix, shape (width, 4), without pseudocount.
    background : sequence of float, optional
        Frequencies of A, C, G and T.

    Returns
    -------
    torch.Tensor
        Natural log-odds of motif against background at every start, shape
        (N, length - width + 1), float64.

    Raises
    ------
    ValueError
        If the sequences are shorter than the motif.
    """
    if sequences.shape[1] < len(pwm):
        raise ValueError(
            f"sequences of {sequences.shape[1]} bases are shorter than the motif of {len(pwm)}"
        )
    frequencies = torch.tensor(background, dtype=torch.float64, device=sequences.device)
    odds = with_pseudocount(pwm.to(frequencies)) / frequencies
    weight = odds.log().T.reshape(1, len(BASES), len(pwm))
    return F.conv1d(one_hot(sequences, torch.float64), weight).squeeze(1)


def strongest_hits(
    scores: Tensor, width: int, n_hits: int = 5, exclusion: str = "official"
) -> Tensor:
    """Take the best start of a motif repeatedly, each time excluding those close to it.

    Parameters
    ----------
    scores : torch.Tensor
        Score at every start, shape (N, n_starts).
    width : int
        Length of the motif.
    n_hits : int, optional
        Number of hits per sequence.
    exclusion : {"official", "fixed"}, optional
        After a hit at k, with w half the width, the starts ``[k - w : k + w - 1]`` are excluded.
        ``"official"`` reads this slice as the authors' notebook does: where ``k - w`` is negative
        Python counts it from the end, the slice is empty, and the same hit is taken again.
        ``"fixed"`` begins such a slice at 0.

    Returns
    -------
    torch.Tensor
        Starts, the strongest first, shape (N, n_hits), int64.

    Raises
    ------
    ValueError
        If ``exclusion`` is unknown.
    """
    if exclusion not in EXCLUSIONS:
        raise ValueError(
            f"unknown exclusion {exclusion!r}: the choices are {', '.join(EXCLUSIONS)}"
        )
    n_starts = scores.shape[1]
    starts = torch.arange(n_starts, device=scores.device)
    remaining = scores.clone()
    half = width // 2
    hits = []
    for _ in range(n_hits):
        hit = remaining.argmax(dim=1, keepdim=True)
        first, last = hit - half, hit + half - 2
        if exclusion == "official":
            first = torch.where(first < 0, first + n_starts, first)
        remaining.masked_fill_((starts >= first) & (starts <= last), -torch.inf)
        hits.append(hit)
    return torch.cat(hits, dim=1)
