"""Attribution priors: penalties on attributions, to be added to the loss of a training.

The attribution must be connected to the parameters (``create_graph=True``): a detached one is a
constant to the loss, and the prior would change nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["PRIORS", "attribution_prior_loss", "gini", "prior_and_gradient", "total_variation"]

# Up to so many values the differences of all pairs are faster than sorting.
_PAIRS = 256


def gini(attributions: Tensor) -> Tensor:
    """Gini coefficient over the last dimension: 0 if all are equal, 1 - 1/F if one has everything.

    ``Gini(v) = 0.5 * mean_ij |v_i - v_j| / mean(v)``, computed as ``sum_i v_i s_i / (F sum_i v_i)``
    with ``s_i = sum_j sign(v_i - v_j)``. It does not change when all values are scaled.

    Parameters
    ----------
    attributions : Tensor of shape (..., F), floating point
        Non-negative, such as mean absolute attributions per feature.

    Returns
    -------
    Tensor of shape (...)
        Differentiable; nan if every value is 0, since nothing is distributed.

    Raises
    ------
    TypeError
        If the values are not floating point.
    ValueError
        If there is no value or one is negative.

    References
    ----------
    Erion et al. (2021), "Sparse prior"; Hesse et al. (2021), Sec. 4.3.
    """
    if not attributions.is_floating_point():
        raise TypeError(f"attributions must be floating-point, got {attributions.dtype}")
    if attributions.ndim == 0 or attributions.shape[-1] == 0:
        raise ValueError(
            f"attributions must have values in the last dimension, got shape "
            f"{tuple(attributions.shape)}"
        )
    if bool((attributions < 0).any()):
        raise ValueError(
            f"attributions must be non-negative, got {float(attributions.detach().min())}: pass "
            "absolute values"
        )
    rank_sum, total = _rank_sums(attributions)
    return (attributions * rank_sum).sum(-1) / (attributions.shape[-1] * total)


def total_variation(maps: Tensor) -> Tensor:
    """Total variation: the sum of absolute differences of neighbouring pixels.

    ``sum_ij |v_(i+1)j - v_ij| + |v_i(j+1) - v_ij|``

    Parameters
    ----------
    maps : Tensor of shape (..., H, W)
        One value per pixel.

    Returns
    -------
    Tensor of shape (...)
        Differentiable, at least 0.

    Raises
    ------
    ValueError
        If the maps have no rows or columns.

    References
    ----------
    Rudin, Osher and Fatemi (1992); Erion et al. (2021), "Pixel attribution prior".
    """
    if maps.ndim < 2 or 0 in maps.shape[-2:]:
        raise ValueError(f"maps must have shape (..., H, W) with pixels, got {tuple(maps.shape)}")
    return maps.diff(dim=-1).abs().sum((-2, -1)) + maps.diff(dim=-2).abs().sum((-2, -1))


def attribution_prior_loss(attributions: Tensor, prior: str = "gini") -> Tensor:
    """Penalty of a batch of attributions, to be added to a loss.

    ``"gini"`` favours few important features, the same for all rows:
    ``Omega = -Gini(mean over the batch of |attribution|)``, the prior of Hesse et al. Two more are
    for images, whose content moves, so that every image is judged by itself, with the sum of its
    channels as the attribution of a pixel, and the mean over the batch is returned:
    ``"image_gini"``, ``-Gini(|pixels|)``, favours few pixels, and ``"total_variation"`` smooth
    maps. The last becomes smaller with the attributions themselves, also where their form stays
    the same.

    Parameters
    ----------
    attributions : Tensor of shape (..., N, F), for images (N, C, H, W), floating point
        Attributions of N rows, connected to the parameters (``create_graph=True``) in order to
        train with them.
    prior : str, default "gini"
        One of `PRIORS`.

    Returns
    -------
    Tensor of shape (...), for images a scalar
        Differentiable; of the first two in [-1, 0]. Where every attribution is 0, ``"gini"`` is
        nan; an image of zeros counts as 0 in ``"image_gini"``.

    Raises
    ------
    TypeError
        If the attributions are not floating point.
    ValueError
        If they have no rows or no features, or another shape, or the prior is unknown.

    References
    ----------
    Hesse et al. (2021), Sec. 4.3; Erion et al. (2021).
    """
    if prior not in PRIORS:
        raise ValueError(f"prior must be one of {', '.join(PRIORS)}, got {prior!r}")
    return PRIORS[prior](attributions)


def _feature_gini(attributions: Tensor) -> Tensor:
    if attributions.ndim < 2 or attributions.shape[-2] == 0:
        raise ValueError(
            f"attributions must have shape (..., N, F) with at least one row, got "
            f"{tuple(attributions.shape)}"
        )
    return -gini(attributions.abs().mean(-2))


def _image_gini(attributions: Tensor) -> Tensor:
    pixels = _pixels(attributions).abs().flatten(1)
    # Nothing is distributed over an image without attribution, as where Expected Gradients draw
    # the image itself as its reference. Such an image counts as 0 and gets no gradient.
    some = pixels[pixels.detach().any(1)]
    return -gini(some).sum() / len(pixels) if len(some) else 0 * pixels.sum()


def _mean_total_variation(attributions: Tensor) -> Tensor:
    return total_variation(_pixels(attributions)).mean()


def _pixels(attributions: Tensor) -> Tensor:
    if attributions.ndim != 4 or len(attributions) == 0:
        raise ValueError(
            "attributions of images must have shape (N, C, H, W) with at least one image, got "
            f"{tuple(attributions.shape)}"
        )
    return attributions.sum(1)


PRIORS: dict[str, Callable[[Tensor], Tensor]] = {
    "gini": _feature_gini,
    "image_gini": _image_gini,
    "total_variation": _mean_total_variation,
}
"""Penalties by their names."""


def prior_and_gradient(attributions: Tensor) -> tuple[Tensor, Tensor]:
    """`attribution_prior_loss` and its derivative with respect to every attribution.

    The closed form needs no autograd graph of the attributions. With ``m`` the mean absolute
    attributions, ``d Gini / d m_f = s_f / (F sum m) - Gini / sum m``.

    Parameters
    ----------
    attributions : Tensor of shape (..., N, F)
        Attributions of N rows.

    Returns
    -------
    penalty : Tensor of shape (...)
        As of `attribution_prior_loss`.
    gradient : Tensor of shape (..., N, F)
        Zero where an attribution is zero, as in autograd.
    """
    n_rows, n_features = attributions.shape[-2:]
    means = attributions.abs().mean(-2)
    rank_sum, total = _rank_sums(means)
    coefficient = (means * rank_sum).sum(-1) / (n_features * total)
    slope = (coefficient.unsqueeze(-1) - rank_sum / n_features) / (total.unsqueeze(-1) * n_rows)
    return -coefficient, attributions.sign().mul_(slope.unsqueeze(-2))


def _rank_sums(values: Tensor) -> tuple[Tensor, Tensor]:
    """``sum_j sign(v_i - v_j)``, a constant almost everywhere, and the sum of the values."""
    constant = values.detach()
    if constant.shape[-1] <= _PAIRS:
        differences = constant.unsqueeze(-1) - constant.unsqueeze(-2)
        return differences.sign_().sum(-1), values.sum(-1)
    # As many values are smaller as stand before the first equal one, and so on.
    ordered, constant = constant.sort(-1).values, constant.contiguous()
    smaller = torch.searchsorted(ordered, constant)
    larger = constant.shape[-1] - torch.searchsorted(ordered, constant, right=True)
    return (smaller - larger).to(values.dtype), values.sum(-1)
