"""Masking metrics: how well an attribution ranks the pixels that matter.

An image keeps the pixels that an attribution ranks first (or last) among those of one sign; every
other pixel is replaced by its value in a blurred copy, and the net is asked again. The metric is
the area under the score as a function of the fraction of pixels kept (Hesse, Schaub-Meyer and Roth
2021, Sec. 4.2). The definitions below follow the released evaluation where the paper leaves room.

With ``a`` the mean of the attribution over the channels and ``n = H * W`` pixels:

========  ===============  ======================================  =====================
curve     signal           the ``k`` pixels that are kept          score
========  ===============  ======================================  =====================
``KPM``   ``a``            largest                                 target logit
``KNM``   ``-a``           largest                                 target logit
``KAM``   ``|a|``          largest                                 top-1 correctness
``RPM``   ``a``            smallest that are not zero              target logit
``RNM``   ``-a``           smallest that are not zero              target logit
``RAM``   ``|a|``          smallest that are not zero              top-1 correctness
========  ===============  ======================================  =====================

``P = max(signal, 0)``, ``n_plus = #(P > 0)`` and ``k = int(min(f * n, n_plus))`` for a fraction
``f``. A pixel of value zero or of the wrong sign is replaced at every fraction, also at ``f = 1``.

Equal values: the pixel that comes first in row-major order counts as the larger one. The released
code leaves this to ``torch.topk``, whose choice among equal values is not defined; with this rule
"remove" is the exact complement of "keep" within the pixels of the right sign.

One sort of ``|a|`` ranks all three signals, since the order of ``|a|`` restricted to the positive
(negative) pixels is the order of ``a`` (``-a``). A mask is then a comparison of ranks. Each image
is evaluated by itself: which images share a call does not change its scores, to the last bit.

Masked images lie outside the distribution that the net was trained on, and the metrics inherit
how the net reacts to that: compare attribution methods within a net, not nets with each other.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from xgradient._inputs import evaluation_mode

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
        Whether the target class has the largest logit.
    """

    fractions: Tensor
    target_logit: Tensor
    correct: Tensor

    def score(self, curve: str) -> Tensor:
        """Score that the paper reads off a curve.

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


@dataclass(frozen=True)
class InsertionDeletion:
    """Insertion and deletion curves; an addition, not a part of the replicated paper.

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


def blur_size_for(side: int) -> tuple[int, float]:
    """Blur of the published evaluation, scaled to another image size.

    Parameters
    ----------
    side : int
        Side of the image in pixels; of a rectangle, the shorter one.

    Returns
    -------
    kernel_size : int
        The odd number nearest to 51/224 of the side, at least 3.
    sigma : float
        41/224 of the side, in pixels.
    """
    return max(3, 51 * side // 448 * 2 + 1), side * 41 / 224


def blur(inputs: Tensor, kernel_size: int = 51, sigma: float = 41.0) -> Tensor:
    """Blur images the way the published evaluation does.

    The kernel is ``exp(-((i - c) / (2 * sigma)) ** 2)`` per axis, normalised to sum one, and the
    borders are reflected. This is the released code's formula: the factor two stands inside the
    square, so the standard deviation is ``sqrt(2) * sigma`` (58 pixels for 41), and a kernel of 51
    pixels is nearly a box.

    Parameters
    ----------
    inputs : Tensor of shape (N, C, H, W)
        Images, normalised as the net takes them.
    kernel_size : int
        Width of the kernel in pixels, odd and at least 3.
    sigma : float
        Width parameter in pixels.

    Returns
    -------
    Tensor of shape (N, C, H, W)
        Blurred images.

    Raises
    ------
    ValueError
        If the kernel is even, too small, or too wide to reflect the border of the image.

    See Also
    --------
    blur_size_for : kernel and sigma for images that are not 224 pixels wide.
    """
    if inputs.ndim != 4:
        raise ValueError(f"inputs must have the shape (N, C, H, W), not {tuple(inputs.shape)}")
    if kernel_size < 3 or kernel_size % 2 == 0:
        raise ValueError(f"kernel_size must be odd and at least 3, not {kernel_size}")
    if not sigma > 0:
        raise ValueError(f"sigma must be positive, not {sigma}")
    height, width = inputs.shape[-2:]
    if kernel_size // 2 >= min(height, width):
        raise ValueError(
            f"a kernel of {kernel_size} pixels reflects {kernel_size // 2} pixels at the border, "
            f"which an image of {height} x {width} pixels does not have; choose a kernel_size of "
            f"at most {2 * min(height, width) - 1} (see blur_size_for)"
        )
    # Reflecting and convolving are linear, so each axis is one small matrix product.
    rows = _blur_matrix(height, kernel_size, sigma).to(inputs)
    columns = _blur_matrix(width, kernel_size, sigma).to(inputs)
    return rows @ inputs @ columns.T


def channel_mean(attributions: Tensor) -> Tensor:
    """Mean over the channels: all that the masking metrics see of an attribution.

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
    (fraction,) = _checked_fractions([fraction])
    n_images, _, height, width = attributions.shape
    _check_finite(attributions, batch_size=max(1, n_images))
    ranks, counts = _rank_signals(channel_mean(attributions).flatten(1))
    pixels = torch.empty((n_images, 1, height, width), dtype=torch.bool, device=attributions.device)
    for image, of_sign in enumerate(counts.tolist()):
        kept = _kept_by(curve, fraction, of_sign, height * width)
        pixels[image] = _select(ranks[image], _as_tensor([kept], ranks.device)).view(height, width)
    return pixels


def masking_curves(
    model: nn.Module,
    inputs: Tensor,
    target: Tensor,
    attributions: Tensor,
    fractions: Sequence[float] | Tensor | None = None,
    replacement: Tensor | None = None,
    batch_size: int = 32,
) -> MaskingCurves:
    """Evaluate the six masking curves of Hesse et al. 2021, Sec. 4.2.

    Parameters
    ----------
    model : nn.Module
        Net with pre-softmax outputs of shape (N, K). It is put into evaluation mode for the call.
    inputs : Tensor of shape (N, C, H, W)
        Images, normalised as the net takes them.
    target : Tensor of shape (N,), int64
        True class of every image.
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
    fractions = _checked_fractions(np.geomspace(0.01, 1, 16) if fractions is None else fractions)
    labels = _check_images(inputs, target, attributions, batch_size)
    replacement = _expanded(replacement, inputs)
    shape = (len(inputs), len(CURVES), len(fractions))
    target_logit = inputs.new_empty(shape)
    correct = torch.empty(shape, dtype=torch.bool, device=inputs.device)
    n_pixels = inputs.shape[-2] * inputs.shape[-1]
    with torch.no_grad(), evaluation_mode(model):
        for image, ranks, of_sign in _ranked_images(attributions, batch_size):
            kept = [_kept_by(c, f, of_sign, n_pixels) for c in CURVES for f in fractions]
            source = inputs[image : image + 1]
            substitute = _replacement_of(image, inputs, replacement)
            logits = _masked_logits(model, source, substitute, ranks, kept, batch_size)
            label = _checked_label(labels, image, logits)
            target_logit[image] = logits[:, label].view(shape[1:])
            correct[image] = (logits.argmax(1) == label).view(shape[1:])
    return MaskingCurves(
        torch.tensor(fractions, dtype=torch.float64, device=inputs.device), target_logit, correct
    )


def insertion_deletion(
    model: nn.Module,
    inputs: Tensor,
    target: Tensor,
    attributions: Tensor,
    fractions: Sequence[float] | Tensor | None = None,
    insertion_start: Tensor | None = None,
    deletion_end: Tensor | None = None,
    batch_size: int = 32,
) -> InsertionDeletion:
    """Evaluate insertion and deletion (Petsiuk, Das and Saenko 2018, "RISE").

    An addition: the replicated paper does not report these. All pixels are ranked by the signed
    channel mean, the largest first, equal values in row-major order. Insertion starts from a
    blurred image and puts the first ``int(f * n)`` pixels in; deletion starts from the image and
    takes them out. The score is the softmax probability of `target`, where the authors use the
    predicted class, and the blur is that of `masking_curves` where theirs is a Gaussian of
    5 pixels.

    Parameters
    ----------
    model : nn.Module
        Net with pre-softmax outputs of shape (N, K). It is put into evaluation mode for the call.
    inputs : Tensor of shape (N, C, H, W)
        Images, normalised as the net takes them.
    target : Tensor of shape (N,), int64
        Class whose probability is the score.
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

    Returns
    -------
    InsertionDeletion
        Probability of the target class per image and fraction.

    Raises
    ------
    ValueError
        As `masking_curves`.
    """
    fractions = _checked_fractions(np.linspace(0, 1, 17) if fractions is None else fractions)
    labels = _check_images(inputs, target, attributions, batch_size)
    start = _expanded(insertion_start, inputs)
    end = _expanded(inputs.new_zeros(()) if deletion_end is None else deletion_end, inputs)
    n_pixels = inputs.shape[-2] * inputs.shape[-1]
    inserted = [int(fraction * n_pixels) for fraction in fractions]
    kept = [_distinct_key(0, 0, k, n_pixels, substitute=0) for k in inserted]
    kept += [_distinct_key(0, k, n_pixels, n_pixels, substitute=1) for k in inserted]
    probability = inputs.new_empty((len(inputs), 2, len(fractions)))
    with torch.no_grad(), evaluation_mode(model):
        for image in range(len(inputs)):
            mean = channel_mean(attributions[image : image + 1]).flatten(1)
            order = torch.sort(mean, dim=1, descending=True, stable=True).indices
            ranks = torch.empty((1, n_pixels), dtype=torch.int32, device=mean.device)
            ranks[0, order[0]] = torch.arange(n_pixels, dtype=torch.int32, device=mean.device)
            source = inputs[image : image + 1]
            substitutes = torch.cat([_replacement_of(image, inputs, x) for x in (start, end)])
            logits = _masked_logits(model, source, substitutes, ranks, kept, batch_size)
            label = _checked_label(labels, image, logits)
            probability[image] = logits.softmax(1)[:, label].view(2, len(fractions))
    return InsertionDeletion(
        torch.tensor(fractions, dtype=torch.float64, device=inputs.device),
        insertion=probability[:, 0],
        deletion=probability[:, 1],
    )


def area_under_curve(scores: Tensor, fractions: Tensor | Sequence[float]) -> Tensor:
    """Area under scores by the trapezoid rule on a linear axis.

    The published fractions run from 0.01 to 1, so the area under a constant score is 0.99 of it.

    Parameters
    ----------
    scores : Tensor of shape (..., F)
        Scores, of any type.
    fractions : Tensor of shape (F,) or sequence of float
        Increasing abscissae.

    Returns
    -------
    Tensor of shape (...), float64
        Area.

    Raises
    ------
    ValueError
        If the last axis of `scores` is not as long as `fractions`.
    """
    abscissae = torch.as_tensor(fractions, dtype=torch.float64, device=scores.device)
    if abscissae.ndim != 1 or scores.shape[-1:] != abscissae.shape:
        raise ValueError(
            f"scores of shape {tuple(scores.shape)} need one fraction for each entry of their last "
            f"axis, not fractions of shape {tuple(abscissae.shape)}"
        )
    return torch.trapezoid(scores.double(), abscissae, dim=-1)


class _Kept(NamedTuple):
    """A mask: the pixels whose rank within a signal lies in [first, last) keep their value.

    ``substitute`` numbers the replacement of the others. Two equal keys are equal masked images.
    """

    signal: int
    first: int
    last: int
    substitute: int


def _distinct_key(signal: int, first: int, last: int, n_pixels: int, substitute: int = 0) -> _Kept:
    """Key of a mask, where masks that cannot differ get the same one."""
    if first == last:  # nothing is kept, whichever the signal
        return _Kept(0, 0, 0, substitute)
    if last - first == n_pixels:  # nothing is replaced, whichever the replacement
        return _Kept(signal, 0, n_pixels, 0)
    return _Kept(signal, first, last, substitute)


def _kept_by(curve: str, fraction: float, of_sign: Sequence[int], n_pixels: int) -> _Kept:
    """Mask of one curve at one fraction; ``of_sign`` counts the pixels of each signal."""
    signal = _SIGNAL[curve[1]]
    available = of_sign[signal]
    k = int(min(fraction * n_pixels, available))
    if signal == _ABSOLUTE and available == of_sign[_POSITIVE]:
        signal = _POSITIVE  # no pixel is negative, so |a| and a rank the same pixels
    elif signal == _ABSOLUTE and available == of_sign[_NEGATIVE]:
        signal = _NEGATIVE
    first = 0 if curve.startswith("K") else available - k
    return _distinct_key(signal, first, first + k, n_pixels)


def _rank_signals(mean: Tensor) -> tuple[Tensor, Tensor]:
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


def _ranked_images(
    attributions: Tensor, batch_size: int
) -> Iterator[tuple[int, Tensor, list[int]]]:
    """Index, ranks (3, P) and counts of every image; sorts ``batch_size`` images at a time."""
    for start in range(0, len(attributions), batch_size):
        mean = channel_mean(attributions[start : start + batch_size])
        ranks, counts = _rank_signals(mean.flatten(1))
        for offset, of_sign in enumerate(counts.tolist()):
            yield start + offset, ranks[offset], of_sign


def _as_tensor(kept: Sequence[_Kept], device: torch.device) -> Tensor:
    """Masks as the (M, 4) integer tensor that `_select` reads."""
    return torch.tensor(kept, dtype=torch.int32, device=device)


def _select(ranks: Tensor, kept: Tensor) -> Tensor:
    """Boolean masks (M, P) of the masks ``kept`` (M, 4) from the ranks (S, P) of one image."""
    signal, first, last, _ = kept.unsqueeze(2).unbind(1)
    rank = ranks[signal.squeeze(1)]
    return (rank >= first) & (rank < last)


def _masked_logits(
    model: nn.Module,
    image: Tensor,
    substitutes: Tensor,
    ranks: Tensor,
    kept: Sequence[_Kept],
    batch_size: int,
) -> Tensor:
    """Logits (len(kept), K) of one image under several masks, each distinct one evaluated once.

    ``image`` is (1, C, H, W), ``substitutes`` (S, C, H, W) is what a mask's number refers to.
    """
    slots: dict[_Kept, int] = {}
    slot = [slots.setdefault(mask, len(slots)) for mask in kept]
    masks = _as_tensor(list(slots), image.device)
    logits = []
    # Equal parts, since a short last batch would use the processor badly.
    for part in masks.tensor_split(math.ceil(len(slots) / batch_size)):
        keep = _select(ranks, part).view(-1, 1, *image.shape[-2:])
        rest = substitutes[part[:, 3]] if len(substitutes) > 1 else substitutes
        logits.append(model(torch.where(keep, image, rest)))
    logits = torch.cat(logits)
    if logits.ndim != 2:
        raise ValueError(
            f"the model must return logits of shape (N, K), not (N, {tuple(logits.shape[1:])})"
        )
    return logits[torch.tensor(slot, device=logits.device)]


def _replacement_of(image: int, inputs: Tensor, replacement: Tensor | None) -> Tensor:
    """Return the replacement (1, C, H, W) of one image; no neighbour changes its rounding."""
    if replacement is not None:
        return replacement[image : image + 1]
    return blur(inputs[image : image + 1], *blur_size_for(min(inputs.shape[-2:])))


def _blur_matrix(side: int, kernel_size: int, sigma: float) -> Tensor:
    """Matrix (side, side) that reflects the border and convolves, in float64."""
    radius = kernel_size // 2
    offsets = torch.arange(-radius, radius + 1)
    kernel = torch.exp(-((offsets.double() / (2 * sigma)) ** 2))
    positions = (torch.arange(side)[:, None] + offsets).abs()
    positions = side - 1 - (side - 1 - positions).abs()
    matrix = torch.zeros(side, side, dtype=torch.float64)
    return matrix.scatter_add_(1, positions, (kernel / kernel.sum()).expand(side, -1))


def _check_finite(attributions: Tensor, batch_size: int) -> None:
    """Fail before the first forward pass, and without a second copy of the attributions."""
    broken: list[int] = []
    for start in range(0, len(attributions), batch_size):
        mean = channel_mean(attributions[start : start + batch_size])
        finite = mean.isfinite().flatten(1).all(1)
        broken += [start + offset for offset, fine in enumerate(finite.tolist()) if not fine]
    if broken:
        raise ValueError(
            f"the attribution of image {broken[0]} is not finite (NaN or infinite), so its pixels "
            f"have no order; images concerned: {broken}"
        )


def _signal_of(curve: str) -> int:
    if curve not in CURVES:
        raise ValueError(f"unknown curve {curve!r}; choose one of {', '.join(CURVES)}")
    return _SIGNAL[curve[1]]


def _checked_fractions(fractions: Sequence[float] | Tensor | np.ndarray) -> list[float]:
    values = [float(fraction) for fraction in fractions]
    increasing = all(low < high for low, high in itertools.pairwise(values))
    if not values or not increasing or not (values[0] >= 0 and values[-1] <= 1):
        raise ValueError(f"fractions must increase within [0, 1], not {values}")
    return values


def _checked_label(labels: list[int], image: int, logits: Tensor) -> int:
    if not 0 <= labels[image] < logits.shape[1]:
        raise ValueError(
            f"the target of image {image} is {labels[image]}, but the model has "
            f"{logits.shape[1]} classes"
        )
    return labels[image]


def _check_images(
    inputs: Tensor, target: Tensor, attributions: Tensor, batch_size: int
) -> list[int]:
    """Check the arguments that belong together; returns the target classes."""
    if inputs.ndim != 4:
        raise ValueError(f"inputs must have the shape (N, C, H, W), not {tuple(inputs.shape)}")
    if target.shape != inputs.shape[:1] or target.is_floating_point():
        raise ValueError(
            f"target must hold one class index per image, shape ({len(inputs)},), "
            f"not {target.dtype} of shape {tuple(target.shape)}"
        )
    averaged = (len(inputs), 1, *inputs.shape[2:])
    if tuple(attributions.shape) not in (tuple(inputs.shape), averaged):
        raise ValueError(
            f"attributions must have the shape {tuple(inputs.shape)} of the inputs or {averaged}, "
            f"not {tuple(attributions.shape)}"
        )
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, not {batch_size}")
    _check_finite(attributions, batch_size)
    return target.tolist()


def _expanded(replacement: Tensor | None, inputs: Tensor) -> Tensor | None:
    """Give the replacement the shape of the inputs; None stands for one still to compute."""
    if replacement is None:
        return None
    try:
        return replacement.to(inputs).expand_as(inputs)
    except RuntimeError as error:
        raise ValueError(
            f"a replacement of shape {tuple(replacement.shape)} does not broadcast to inputs of "
            f"shape {tuple(inputs.shape)}"
        ) from error
