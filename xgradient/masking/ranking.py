"""Ranks of the pixels of an image within each signal."""

from __future__ import annotations

import torch
from torch import Tensor


def channel_mean(attributions: Tensor) -> Tensor:
    """Mean over the channels: the only part of an attribution that the masking metrics use.

    The channels are added one after the other, so that the rounding, and with it the order of
    nearly equal pixels, does not depend on the number of images.

    Parameters
    ----------
    attributions : Tensor of shape (N, C, H, W)
        Attributions.

    Returns
    -------
    Tensor of shape (N, 1, H, W)
        Mean over the channels.
    """
    total = attributions[:, :1]
    for channel in range(1, attributions.shape[1]):
        total = total + attributions[:, channel : channel + 1]
    return total / attributions.shape[1]


def rank_signals(mean: Tensor) -> tuple[Tensor, Tensor]:
    """Rank the pixels of every signal, the largest first, with one sort.

    Parameters
    ----------
    mean : Tensor of shape (N, P)
        Channel mean of the attributions.

    Returns
    -------
    ranks : Tensor of shape (N, 3, P), int32
        Rank among the pixels of the signal; P where the signal is not positive.
    counts : Tensor of shape (N, 3), int64
        Number of pixels where the signal is positive.
    """
    n_images, n_pixels = mean.shape
    order = torch.sort(mean.abs(), dim=1, descending=True, stable=True).indices
    ordered = mean.gather(1, order)
    ranks = torch.empty((n_images, 3, n_pixels), dtype=torch.int32, device=mean.device)
    counts = torch.empty((n_images, 3), dtype=torch.int64, device=mean.device)
    for signal, member in enumerate((ordered > 0, ordered < 0, ordered != 0)):
        rank = member.cumsum(1, dtype=torch.int32) - 1
        ranks[:, signal].scatter_(1, order, rank.masked_fill_(~member, n_pixels))
        counts[:, signal] = member.sum(1)
    return ranks, counts
