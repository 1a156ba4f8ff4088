"""Masks as ranges of ranks, and the logits of masked images."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from xgradient.masking.blur import blur, blur_size_for


class Kept(NamedTuple):
    """A mask: the pixels whose rank within a signal lies in [first, last) keep their value.

    ``substitute`` numbers the replacement of the others. Two equal keys are equal masked images.
    """

    signal: int
    first: int
    last: int
    substitute: int


def distinct_mask(signal: int, first: int, last: int, n_pixels: int, substitute: int = 0) -> Kept:
    """Key of a mask, where masks that cannot differ get the same one."""
    if first == last:  # nothing is kept, whichever the signal
        return Kept(0, 0, 0, substitute)
    if last - first == n_pixels:  # nothing is replaced, whichever the replacement
        return Kept(signal, 0, n_pixels, 0)
    return Kept(signal, first, last, substitute)


def as_tensor(kept: Sequence[Kept], device: torch.device) -> Tensor:
    """Masks as the (M, 4) integer tensor that `select_pixels` reads."""
    return torch.tensor(kept, dtype=torch.int32, device=device)


def select_pixels(ranks: Tensor, kept: Tensor) -> Tensor:
    """Boolean masks (M, P) of the masks ``kept`` (M, 4) from the ranks (S, P) of one image."""
    signal, first, last, _ = kept.unsqueeze(2).unbind(1)
    rank = ranks[signal.squeeze(1)]
    return (rank >= first) & (rank < last)


def masked_logits(
    logits_of: Callable[[Tensor], Tensor],
    image: Tensor,
    substitutes: Tensor,
    ranks: Tensor,
    kept: Sequence[Kept],
    batch_size: int,
) -> Tensor:
    """Logits (len(kept), K) of one image under several masks, each distinct one evaluated once.

    ``image`` is (1, C, H, W), ``substitutes`` (S, C, H, W) is what a mask's number refers to.
    """
    slots: dict[Kept, int] = {}
    slot = [slots.setdefault(mask, len(slots)) for mask in kept]
    masks = as_tensor(list(slots), image.device)
    logits = []
    # Equal parts, since a short last batch would make poor use of the processor.
    for part in masks.tensor_split(math.ceil(len(slots) / batch_size)):
        keep = select_pixels(ranks, part).view(-1, 1, *image.shape[-2:])
        rest = substitutes[part[:, 3]] if len(substitutes) > 1 else substitutes
        logits.append(logits_of(torch.where(keep, image, rest)))
    return torch.cat(logits)[torch.tensor(slot, device=image.device)]


def replacement_of(image: int, inputs: Tensor, replacement: Tensor | None) -> Tensor:
    """Return the replacement (1, C, H, W) of one image; no neighbour changes its rounding."""
    if replacement is not None:
        return replacement[image : image + 1]
    return blur(inputs[image : image + 1], *blur_size_for(min(inputs.shape[-2:])))
