"""Digit conversion on MNIST (Shrikumar, Greenside, Kundaje 2017, Sec. 4.1 and Figure 4).

How well does an attribution show which pixels make an image a digit of one class and not of
another? The pixels that speak most for the original class and against the target class are erased,
and the change of the log-odds between the two classes is the score of the attribution.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from xgradient.homogeneous import evaluation_mode

# (original class, target class) of the paper's Figure 4.
DIGIT_TASKS = ((8, 3), (8, 6), (9, 1), (4, 1))
# 20 % of the 784 pixels.
N_ERASED = 157
ERASING_RULES = ("published", "fixed")


@dataclass(frozen=True)
class DigitConversion:
    """Effect of erasing on every image.

    Parameters
    ----------
    score : torch.Tensor
        Change of the log-odds ``logit_original - logit_target`` by erasing, before minus after,
        shape (N,). Higher is better.
    flipped : torch.Tensor
        Whether the target class has a higher logit than the original class after erasing, shape
        (N,), bool.
    n_erased : torch.Tensor
        Number of erased pixels, shape (N,).
    masked : torch.Tensor
        The images after erasing, shape (N, 1, H, W).
    """

    score: Tensor
    flipped: Tensor
    n_erased: Tensor
    masked: Tensor


def convert_digits(
    model: nn.Module,
    images: Tensor,
    attribution: Callable[[nn.Module, Tensor, Tensor], Tensor],
    original: int,
    target: int,
    erasing: str = "published",
    n_pixels: int = N_ERASED,
) -> DigitConversion:
    """Erase the pixels that tell two classes apart, and measure the effect on the logits.

    Parameters
    ----------
    model : torch.nn.Module
        Network with one logit per digit.
    images : torch.Tensor
        Images of the original class, shape (N, 1, H, W), zero on the background.
    attribution : callable
        Takes model, images and targets, returns attributions shaped like the images.
    original, target : int
        Class of the images, and the class to convert them to.
    erasing : {"published", "fixed"}, optional
        See `pixels_to_erase`.
    n_pixels : int, optional
        Number of pixels to erase per image.

    Returns
    -------
    DigitConversion
        Scores and masked images.
    """

    def attribute(digit: int) -> Tensor:
        labels = torch.full((len(images),), digit, dtype=torch.long, device=images.device)
        return attribution(model, images, labels)

    difference = attribute(original) - attribute(target)
    return erase_pixels(model, images, difference, original, target, erasing, n_pixels)


def erase_pixels(
    model: nn.Module,
    images: Tensor,
    difference: Tensor,
    original: int,
    target: int,
    erasing: str = "published",
    n_pixels: int = N_ERASED,
    logits: Tensor | None = None,
) -> DigitConversion:
    """Do the second half of `convert_digits`, for given attributions.

    Parameters
    ----------
    model, images, original, target, erasing, n_pixels
        As in `convert_digits`.
    difference : torch.Tensor
        Attribution for the original class minus attribution for the target class, shaped like the
        images.
    logits : torch.Tensor, optional
        Of the images, shape (N, classes), if already computed.

    Returns
    -------
    DigitConversion
        Scores and masked images.
    """
    erased = pixels_to_erase(difference, erasing, n_pixels)
    masked = images.masked_fill(erased, 0.0)
    with torch.no_grad(), evaluation_mode(model):
        before = model(images) if logits is None else logits
        after = model(masked)
    odds_before = before[:, original] - before[:, target]
    odds_after = after[:, original] - after[:, target]
    return DigitConversion(
        score=odds_before - odds_after,
        flipped=odds_after < 0,
        n_erased=erased.flatten(1).sum(dim=1),
        masked=masked,
    )


def pixels_to_erase(
    difference: Tensor, rule: str = "published", n_pixels: int = N_ERASED
) -> Tensor:
    """Choose the pixels that speak most for the original and against the target class.

    Parameters
    ----------
    difference : torch.Tensor
        Attribution for the original class minus attribution for the target class, shape
        (N, 1, H, W).
    rule : {"published", "fixed"}, optional
        ``"published"``: the pixels above both zero and the ``n_pixels + 1`` st largest value, as
        in the authors' notebook: at most ``n_pixels``, and fewer where fewer pixels are positive.
        ``"fixed"``: exactly the ``n_pixels`` largest, whatever their sign; of equal ones the
        first.
    n_pixels : int, optional
        Number of pixels per image.

    Returns
    -------
    torch.Tensor
        Bool mask, shaped like the difference.

    Raises
    ------
    ValueError
        If the rule is unknown, or ``n_pixels`` is not less than the number of pixels.
    """
    if rule not in ERASING_RULES:
        raise ValueError(f"unknown erasing rule {rule!r}: the rules are {', '.join(ERASING_RULES)}")
    flat = difference.flatten(1)
    if not 0 < n_pixels < flat.shape[1]:
        raise ValueError(
            f"n_pixels must be between 1 and {flat.shape[1] - 1} for these images, got {n_pixels}"
        )
    ordered, order = flat.sort(dim=1, descending=True, stable=True)
    if rule == "published":
        threshold = ordered[:, n_pixels, None].clamp(min=0)
        return (flat > threshold).view_as(difference)
    erased = torch.zeros_like(flat, dtype=torch.bool)
    return erased.scatter_(1, order[:, :n_pixels], True).view_as(difference)
