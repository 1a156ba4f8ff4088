"""Insertion and deletion curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from xgradient._explained import Model, OutputSelector
from xgradient._inputs import evaluation_mode
from xgradient._targets import TargetLike
from xgradient.masking._arguments import check_arguments, checked_fractions, expanded
from xgradient.masking._masks import distinct_mask, masked_logits, replacement_of
from xgradient.masking.area import area_under_curve
from xgradient.masking.ranking import channel_mean


@dataclass(frozen=True)
class InsertionDeletion:
    """Insertion and deletion curves; not part of the replicated paper.

    Attributes
    ----------
    fractions : Tensor of shape (F,), float64
        Fractions of the pixels that were inserted or deleted.
    insertion, deletion : Tensor of shape (N, F)
        Softmax probability of the target class. Higher is better for insertion, lower for deletion.
    """

    fractions: Tensor
    insertion: Tensor
    deletion: Tensor

    def areas(self) -> dict[str, Tensor]:
        """Area under both curves.

        Returns
        -------
        dict of str to Tensor of shape (N,), float64
            Area per image, under ``"insertion"`` and ``"deletion"``.
        """
        return {
            "insertion": area_under_curve(self.insertion, self.fractions),
            "deletion": area_under_curve(self.deletion, self.fractions),
        }


def insertion_deletion(
    model: Model,
    inputs: Tensor,
    target: TargetLike,
    attributions: Tensor,
    fractions: Sequence[float] | Tensor | None = None,
    insertion_start: Tensor | None = None,
    deletion_end: Tensor | None = None,
    batch_size: int = 32,
    *,
    additional_forward_args: Any = None,
    output: OutputSelector = None,
) -> InsertionDeletion:
    """Evaluate insertion and deletion (Petsiuk, Das and Saenko 2018, "RISE").

    The replicated paper does not report these. All pixels are ranked by the signed
    channel mean, the largest first, equal values in row-major order. Insertion starts from a
    blurred image and puts the first ``int(f * n)`` pixels in; deletion starts from the image and
    takes them out. The score is the softmax probability of `target`, where the authors use the
    predicted class, and the blur is that of `masking_curves` where theirs is a Gaussian of
    5 pixels.

    Parameters
    ----------
    model : nn.Module or callable
        Net with pre-softmax outputs of shape (N, K). It is put into evaluation mode for the call.
    inputs : Tensor of shape (N, C, H, W)
        Images, normalised as the net takes them.
    target : Tensor of shape (N,), int or other
        Class whose probability is the score: an index, one for all, a list, an array or a one-hot
        code.
    attributions : Tensor of shape (N, C, H, W) or (N, 1, H, W)
        Attributions for the target logit, or their mean over the channels.
    fractions : sequence of float, optional
        Increasing fractions in [0, 1]; by default 17 equal steps from 0 to 1.
    insertion_start : Tensor, optional
        Image without information, broadcastable to `inputs`; by default the blurred images.
    deletion_end : Tensor, optional
        Values of deleted pixels, broadcastable to `inputs`; by default zero, which is the mean
        colour of normalised images.
    batch_size : int
        Number of masked images that exist at a time; it bounds the memory.
    additional_forward_args, output : optional
        Further arguments of the net, and where its outputs are, as in `xgradient.attribution`.

    Returns
    -------
    InsertionDeletion
        Probability of the target class per image and fraction.

    Raises
    ------
    ValueError
        As `masking_curves`, or if the net has one output only.
    """
    fractions = checked_fractions(np.linspace(0, 1, 17) if fractions is None else fractions)
    masked = check_arguments(
        model, inputs, target, attributions, batch_size, additional_forward_args, output
    )
    labels = masked.classes.tolist()
    start = expanded(insertion_start, inputs)
    end = expanded(inputs.new_zeros(()) if deletion_end is None else deletion_end, inputs)
    n_pixels = inputs.shape[-2] * inputs.shape[-1]
    inserted = [int(fraction * n_pixels) for fraction in fractions]
    kept = [distinct_mask(0, 0, k, n_pixels, substitute=0) for k in inserted]
    kept += [distinct_mask(0, k, n_pixels, n_pixels, substitute=1) for k in inserted]
    probability = inputs.new_empty((len(inputs), 2, len(fractions)))
    with torch.no_grad(), evaluation_mode(masked.module):
        for image in range(len(inputs)):
            mean = channel_mean(attributions[image : image + 1]).flatten(1)
            order = torch.sort(mean, dim=1, descending=True, stable=True).indices
            ranks = torch.empty((1, n_pixels), dtype=torch.int32, device=mean.device)
            ranks[0, order[0]] = torch.arange(n_pixels, dtype=torch.int32, device=mean.device)
            source = inputs[image : image + 1]
            of_image = partial(masked.logits, image=image)
            substitutes = torch.cat([replacement_of(image, inputs, x) for x in (start, end)])
            logits = masked_logits(of_image, source, substitutes, ranks, kept, batch_size)
            if logits.shape[1] == 1:
                raise ValueError(
                    "insertion and deletion measure the probability of a class among several, got "
                    "a net with one output: use masking_curves"
                )
            label = labels[image]
            probability[image] = logits.softmax(1)[:, label].view(2, len(fractions))
    return InsertionDeletion(
        torch.tensor(fractions, dtype=torch.float64, device=inputs.device),
        insertion=probability[:, 0],
        deletion=probability[:, 1],
    )
