"""The six masking curves of Hesse et al. 2021."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from xgradient._explained import Model, OutputSelector
from xgradient._inputs import evaluation_mode
from xgradient._targets import TargetLike
from xgradient.masking._arguments import (
    check_arguments,
    check_attributions,
    checked_fractions,
    expanded,
)
from xgradient.masking._masks import (
    Kept,
    as_tensor,
    distinct_mask,
    masked_logits,
    replacement_of,
    select_pixels,
)
from xgradient.masking.area import area_under_curve
from xgradient.masking.ranking import channel_mean, rank_signals

CURVES = ("KPM", "KNM", "KAM", "RPM", "RNM", "RAM")
"""The six curves, in the order of the second axis of `MaskingCurves`."""


_POSITIVE, _NEGATIVE, _ABSOLUTE = range(3)
_SIGNAL = {"P": _POSITIVE, "N": _NEGATIVE, "A": _ABSOLUTE}


@dataclass(frozen=True)
class MaskingCurves:
    """Scores of masked images, per image, curve and fraction.

    Attributes
    ----------
    fractions : Tensor of shape (F,), float64
        Fractions of the pixels that a mask may keep.
    target_logit : Tensor of shape (N, 6, F)
        Logit of the target class; the second axis is ordered as `CURVES`.
    correct : Tensor of shape (N, 6, F), bool
        Whether the target class has the largest logit; of a net with one output always true.
    """

    fractions: Tensor
    target_logit: Tensor
    correct: Tensor

    def score(self, curve: str) -> Tensor:
        """Score of a curve in the paper.

        Parameters
        ----------
        curve : str
            One of `CURVES`.

        Returns
        -------
        Tensor of shape (N, F), float64
            Top-1 correctness (0 or 1) for KAM and RAM, the target logit for the others.

        Raises
        ------
        ValueError
            If `curve` is not one of `CURVES`.
        """
        scores = self.correct if _signal_of(curve) == _ABSOLUTE else self.target_logit
        return scores[:, CURVES.index(curve)].double()

    def areas(self) -> dict[str, Tensor]:
        """Area under the score of every curve.

        The area is linear in the score, so the mean of these values over images is the area under
        the mean curve: the number in the paper's table (which prints KAM and RAM times 100).

        Returns
        -------
        dict of str to Tensor of shape (N,), float64
            Area per image, by the name of the curve.
        """
        return {curve: area_under_curve(self.score(curve), self.fractions) for curve in CURVES}


def kept_pixels(attributions: Tensor, curve: str, fraction: float) -> Tensor:
    """Pixels that one curve keeps at one fraction.

    Parameters
    ----------
    attributions : Tensor of shape (N, C, H, W) or (N, 1, H, W)
        Attributions, or their mean over the channels.
    curve : str
        One of `CURVES`.
    fraction : float
        Fraction of the pixels, in [0, 1].

    Returns
    -------
    Tensor of shape (N, 1, H, W), bool
        True where the image is kept, False where it is replaced.

    Raises
    ------
    ValueError
        If the curve is unknown, the fraction is outside [0, 1], or an attribution is not finite
        (the image is named).
    """
    _signal_of(curve)
    (fraction,) = checked_fractions([fraction])
    n_images, _, height, width = attributions.shape
    check_attributions(attributions, batch_size=max(1, n_images))
    ranks, counts = rank_signals(channel_mean(attributions).flatten(1))
    pixels = torch.empty((n_images, 1, height, width), dtype=torch.bool, device=attributions.device)
    for image, of_sign in enumerate(counts.tolist()):
        kept = _kept_by(curve, fraction, of_sign, height * width)
        pixels[image] = select_pixels(ranks[image], as_tensor([kept], ranks.device)).view(
            height, width
        )
    return pixels


def masking_curves(
    model: Model,
    inputs: Tensor,
    target: TargetLike,
    attributions: Tensor,
    fractions: Sequence[float] | Tensor | None = None,
    replacement: Tensor | None = None,
    batch_size: int = 32,
    *,
    additional_forward_args: Any = None,
    output: OutputSelector = None,
) -> MaskingCurves:
    """Evaluate the six masking curves of Hesse et al. 2021, Sec. 4.2.

    Parameters
    ----------
    model : nn.Module or callable
        Net with pre-softmax outputs of shape (N, K). It is put into evaluation mode for the call.
    inputs : Tensor of shape (N, C, H, W)
        Images, normalised as the net takes them.
    target : Tensor of shape (N,), int or other
        True class of every image: an index, one for all, a list, an array or a one-hot code; None
        for a net with one output.
    attributions : Tensor of shape (N, C, H, W) or (N, 1, H, W)
        Attributions for the target logit, or their mean over the channels (`channel_mean`).
    fractions : sequence of float, optional
        Increasing fractions in [0, 1]; by default the paper's ``numpy.geomspace(0.01, 1, 16)``.
    replacement : Tensor, optional
        Values of the pixels that are not kept, broadcastable to `inputs`; by default the images
        blurred with the published kernel, scaled to their size (`blur_size_for`).
    batch_size : int
        Number of masked images that exist at a time; it bounds the memory. Images do not share
        batches, so more than ``6 * len(fractions)`` changes nothing.
    additional_forward_args, output : optional
        Further arguments of the net, and where its outputs are, as in `xgradient.attribution`.

    Returns
    -------
    MaskingCurves
        Target logit and correctness per image, curve and fraction.

    Raises
    ------
    ValueError
        If shapes disagree, a fraction lies outside [0, 1], a target is not a class of the net, or
        an attribution is not finite (the image is named).
    """
    fractions = checked_fractions(np.geomspace(0.01, 1, 16) if fractions is None else fractions)
    masked = check_arguments(
        model, inputs, target, attributions, batch_size, additional_forward_args, output
    )
    labels = masked.classes.tolist()
    replacement = expanded(replacement, inputs)
    shape = (len(inputs), len(CURVES), len(fractions))
    target_logit = inputs.new_empty(shape)
    correct = torch.empty(shape, dtype=torch.bool, device=inputs.device)
    n_pixels = inputs.shape[-2] * inputs.shape[-1]
    with torch.no_grad(), evaluation_mode(masked.module):
        for image, ranks, of_sign in _ranked_images(attributions, batch_size):
            kept = [_kept_by(c, f, of_sign, n_pixels) for c in CURVES for f in fractions]
            source = inputs[image : image + 1]
            of_image = partial(masked.logits, image=image)
            substitute = replacement_of(image, inputs, replacement)
            logits = masked_logits(of_image, source, substitute, ranks, kept, batch_size)
            label = labels[image]
            target_logit[image] = logits[:, label].view(shape[1:])
            correct[image] = (logits.argmax(1) == label).view(shape[1:])
    return MaskingCurves(
        torch.tensor(fractions, dtype=torch.float64, device=inputs.device), target_logit, correct
    )


def _kept_by(curve: str, fraction: float, of_sign: Sequence[int], n_pixels: int) -> Kept:
    """Mask of one curve at one fraction; ``of_sign`` counts the pixels of each signal."""
    signal = _SIGNAL[curve[1]]
    available = of_sign[signal]
    k = int(min(fraction * n_pixels, available))
    if signal == _ABSOLUTE and available == of_sign[_POSITIVE]:
        signal = _POSITIVE  # no pixel is negative, so |a| and a rank the same pixels
    elif signal == _ABSOLUTE and available == of_sign[_NEGATIVE]:
        signal = _NEGATIVE
    first = 0 if curve.startswith("K") else available - k
    return distinct_mask(signal, first, first + k, n_pixels)


def _ranked_images(
    attributions: Tensor, batch_size: int
) -> Iterator[tuple[int, Tensor, list[int]]]:
    """Index, ranks (3, P) and counts of every image; sorts ``batch_size`` images at a time."""
    for start in range(0, len(attributions), batch_size):
        mean = channel_mean(attributions[start : start + batch_size])
        ranks, counts = rank_signals(mean.flatten(1))
        for offset, of_sign in enumerate(counts.tolist()):
            yield start + offset, ranks[offset], of_sign


def _signal_of(curve: str) -> int:
    if curve not in CURVES:
        raise ValueError(f"curve must be one of {', '.join(CURVES)}, got {curve!r}")
    return _SIGNAL[curve[1]]
